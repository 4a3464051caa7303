Gem::Specification.new do |s|
  s.name =
  s.version = VERSION
end
