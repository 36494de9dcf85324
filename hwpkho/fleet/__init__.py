"""A fleet's data set: the bad pages of many machines over time, as Parquet files, and questions."""
