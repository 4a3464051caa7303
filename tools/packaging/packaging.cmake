# What is installed beside the programs, and the Debian packages made of it (cpack -G DEB in a tree configured with prefix /usr).
# Components: cli (varve), broker, worker: one Debian package each.
include(GNUInstallDirs)
set(packaging ${CMAKE_SOURCE_DIR}/tools/packaging)
set(VARVE_PACKAGE_RELEASE 1 CACHE STRING "Debian revision of the packages")
option(VARVE_SYSTEMD "Install systemd units, sysusers.d, tmpfiles.d and settings" ON)

# Below /usr settings belong to /etc; elsewhere they stay below the prefix.
set(bin ${CMAKE_INSTALL_PREFIX}/bin)
set(libexec ${CMAKE_INSTALL_PREFIX}/lib/varve)
if(CMAKE_INSTALL_PREFIX STREQUAL "/usr")
	set(etc /etc/varve)
	set(etc_from_prefix ../etc/varve)
else()
	set(etc ${CMAKE_INSTALL_PREFIX}/etc/varve)
	set(etc_from_prefix etc/varve)
endif()

# varve_unit(COMPONENT NAME…): units, those with .in with the paths of this installation.
function(varve_unit component)
	foreach(name ${ARGN})
		set(file ${packaging}/systemd/${name})
		if(EXISTS ${file}.in)
			configure_file(${file}.in ${CMAKE_BINARY_DIR}/packaging/${name} @ONLY)
			set(file ${CMAKE_BINARY_DIR}/packaging/${name})
		endif()
		install(FILES ${file} DESTINATION lib/systemd/system COMPONENT ${component})
	endforeach()
endfunction()

if(VARVE_SYSTEMD)
	varve_unit(cli varve-keys.service)
	varve_unit(broker varve-broker.service varve-db-update.service varve-db-update.timer varve-backup.service varve-backup.timer)
	varve_unit(worker varve-worker.service varve-worker@.service)
	install(PROGRAMS ${packaging}/systemd/varve-first-keys DESTINATION lib/varve COMPONENT cli)
	install(PROGRAMS ${packaging}/systemd/varve-backup DESTINATION lib/varve COMPONENT broker)
	foreach(component broker worker)
		configure_file(${packaging}/systemd/varve-${component}.tmpfiles.in ${CMAKE_BINARY_DIR}/packaging/${component}.tmpfiles @ONLY)
		install(FILES ${CMAKE_BINARY_DIR}/packaging/${component}.tmpfiles DESTINATION lib/tmpfiles.d
			RENAME varve-${component}.conf COMPONENT ${component})
		install(FILES ${packaging}/systemd/varve-${component}.sysusers DESTINATION lib/sysusers.d
			RENAME varve-${component}.conf COMPONENT ${component})
		install(FILES ${packaging}/systemd/${component}.env DESTINATION ${etc_from_prefix} COMPONENT ${component})
	endforeach()
endif()

# --- Debian packages ---
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME varve)
set(CPACK_PACKAGE_CONTACT "The Varve developers <varve@localhost.localdomain>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_COMPONENTS_ALL cli broker worker)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_ENABLE_COMPONENT_DEPENDS OFF)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS OFF)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_RELEASE ${VARVE_PACKAGE_RELEASE})
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(exact "(= ${PROJECT_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE})")

set(CPACK_DEBIAN_CLI_PACKAGE_NAME varve)
set(CPACK_DEBIAN_CLI_PACKAGE_SECTION utils)
set(CPACK_COMPONENT_CLI_DESCRIPTION "Scanner of container images and whole registries
Lists the packages of container images and the published vulnerabilities they
have. Each unique layer is fetched and read once, also over several runs.")
set(CPACK_DEBIAN_CLI_PACKAGE_DEPENDS ca-certificates)
set(CPACK_DEBIAN_CLI_PACKAGE_SUGGESTS "varve-broker, varve-worker")

set(CPACK_DEBIAN_BROKER_PACKAGE_NAME varve-broker)
set(CPACK_DEBIAN_BROKER_PACKAGE_SECTION admin)
set(CPACK_COMPONENT_BROKER_DESCRIPTION "Broker of a fleet of container image scanners
Keeps the catalog of what was scanned, takes jobs from the command varve and
gives their work to varve-worker processes on any number of machines.")
set(CPACK_DEBIAN_BROKER_PACKAGE_DEPENDS "varve ${exact}, systemd | systemd-standalone-sysusers")

set(CPACK_DEBIAN_WORKER_PACKAGE_NAME varve-worker)
set(CPACK_DEBIAN_WORKER_PACKAGE_SECTION admin)
set(CPACK_COMPONENT_WORKER_DESCRIPTION "Worker of a fleet of container image scanners
Fetches layers of container images from registries, reads them, and tells a
varve-broker what is in them. Holds the credentials of the registries.")
set(CPACK_DEBIAN_WORKER_PACKAGE_DEPENDS "varve ${exact}, systemd | systemd-standalone-sysusers")

# Maintainer scripts of the two services: one text, with the names of each.
foreach(component broker worker)
	string(TOUPPER ${component} upper)
	set(folder ${CMAKE_BINARY_DIR}/packaging/debian-${component})
	if(component STREQUAL broker)
		set(units "varve-broker.service varve-db-update.timer varve-backup.timer")
		set(state "/var/lib/varve /run/varve /etc/varve/broker.key /etc/varve/admitted /etc/varve/local-broker.env")
	else()
		set(units "varve-worker.service 'varve-worker@*.service'")
		set(state "/var/lib/varve-worker /etc/varve/worker.key")
	endif()
	foreach(script postinst prerm postrm)
		configure_file(${packaging}/debian/${script}.in ${folder}/${script} @ONLY FILE_PERMISSIONS
			OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
		list(APPEND CPACK_DEBIAN_${upper}_PACKAGE_CONTROL_EXTRA ${folder}/${script})
	endforeach()
	file(WRITE ${folder}/conffiles "/etc/varve/${component}.env\n")
	list(APPEND CPACK_DEBIAN_${upper}_PACKAGE_CONTROL_EXTRA ${folder}/conffiles)
endforeach()

# Policy 12: copyright and changelog below /usr/share/doc/PACKAGE, compressed manual pages.
if(CMAKE_INSTALL_PREFIX STREQUAL "/usr")
	foreach(component cli broker worker)
		set(package varve-${component})
		if(component STREQUAL cli)
			set(package varve)
		endif()
		install(FILES ${packaging}/debian/copyright DESTINATION share/doc/${package} COMPONENT ${component})
		install(CODE "execute_process(COMMAND \"${CMAKE_COMMAND}\" -D \"source=${CMAKE_SOURCE_DIR}\" -D package=${package}
			-D version=${PROJECT_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE} -D \"prefix=\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}\"
			-P \"${packaging}/debian/documents.cmake\" COMMAND_ERROR_IS_FATAL ANY)" COMPONENT ${component})
	endforeach()
endif()
include(CPack)
