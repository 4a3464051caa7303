Gem::Specification.new do |s|
  s.name = "foo"
  s.version = "1.0"
end
