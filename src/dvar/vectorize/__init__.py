"""From one example to m: costs, the programs a graph writes, and their running over blocks of rows."""
