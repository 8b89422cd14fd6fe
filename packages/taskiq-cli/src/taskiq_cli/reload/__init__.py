"""The process behind `--reload`: it watches files and tells the supervisor which have changed."""
