# How everything is compiled and linked, so that a bug in a parser is hard to use, and the same source gives the same bytes
# in any folder (SECURITY.md; tests/e2e/test_supply_chain.py looks at what comes out).
include(CheckCCompilerFlag)
include(CheckPIESupported)

check_pie_supported(LANGUAGES C)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
add_compile_options(-fstack-protector-strong -ffile-prefix-map=${CMAKE_SOURCE_DIR}=. -ffile-prefix-map=${CMAKE_BINARY_DIR}=build)
foreach(flag -fstack-clash-protection -ftrivial-auto-var-init=zero)
	string(MAKE_C_IDENTIFIER HAVE${flag} have)
	check_c_compiler_flag(${flag} ${have})
	if(${have})
		add_compile_options(${flag})
	endif()
endforeach()

# Needs an optimiser; the sanitizers check the same and more.
if(NOT CMAKE_BUILD_TYPE STREQUAL "Debug" AND NOT CMAKE_C_FLAGS MATCHES "-fsanitize|_FORTIFY_SOURCE")
	add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
endif()
add_link_options(-Wl,--as-needed,-z,relro,-z,now,-z,noexecstack,-z,separate-code)
