package = "a"
version = "1.0-1"
