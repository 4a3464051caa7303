package = "a"
version = "1.0-1"
package = "a"
version = "1.0-1"
