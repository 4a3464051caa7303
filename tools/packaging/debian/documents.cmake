# Debian's form of the documents of one package: manual pages and changelog compressed without a date.
file(READ ${source}/CHANGELOG.md text)
string(TIMESTAMP date "%a, %d %b %Y 00:00:00 +0000" UTC)
set(folder ${prefix}/share/doc/${package})
file(WRITE ${folder}/changelog.Debian "varve (${version}) unstable; urgency=medium\n\n  * See changelog.gz for what is new.\n\n -- The Varve developers <varve@localhost.localdomain>  ${date}\n")
file(WRITE ${folder}/changelog "${text}")
file(GLOB pages ${prefix}/share/man/man*/*.[1-8])
execute_process(COMMAND gzip -9nf ${folder}/changelog.Debian ${folder}/changelog ${pages} COMMAND_ERROR_IS_FATAL ANY)
