"""A fleet's data set: what became of many machines' bad pages, as Parquet, and questions to it."""
