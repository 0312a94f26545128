"""Tell Prometheus how things are: counts of all workers added up."""
