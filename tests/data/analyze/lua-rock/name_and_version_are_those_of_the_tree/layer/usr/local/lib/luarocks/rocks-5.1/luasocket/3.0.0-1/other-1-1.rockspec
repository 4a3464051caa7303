package = "other"
