module example.org/shop

go 1.21

require github.com/BurntSushi/toml v1.0.0

require (
	golang.org/x/net v0.5.6 // indirect
	golang.org/x/text v0.3.7
	"example.org/quoted" v1.0.0
	example.org/beside v0.0.0
	example.org/any v1.1.0
	example.org/any/one v1.2.0
)

replace golang.org/x/net v0.5.6 => example.com/fork/net v1.4.5

replace (
	example.org/beside => ../beside
	example.org/any => example.com/any v9.0.0
	example.org/any/one => example.com/other v7.0.0
	example.org/any/one v1.2.0 => example.com/one v8.0.0
	golang.org/x/text v0.9.9 => example.com/never v1.0.0
)
