# bash completion for varve(1): commands, and the options that each one's --help lists.
_varve()
{
	local current previous command words
	current=${COMP_WORDS[COMP_CWORD]}
	previous=${COMP_WORDS[COMP_CWORD-1]}
	COMPREPLY=()

	if [ "$COMP_CWORD" -eq 1 ]; then
		words=$(varve --help 2>/dev/null | sed -n 's/^  \([a-z][a-z]*\)  *.*/\1/p')
		mapfile -t COMPREPLY < <(compgen -W "$words --help --version" -- "$current")
		return
	fi
	command=${COMP_WORDS[1]}
	case $previous in
	--format)
		case $command in
		status | history | diff | top) words="table json" ;;
		rematch | where) words="table json jsonl" ;;
		*) words="table json jsonl cyclonedx" ;;
		esac
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
		return ;;
	--failed | --retry-failed)
		mapfile -t COMPREPLY < <(compgen -W "$(varve status 2>/dev/null | awk '$2 == "done" || $2 == "running" { print $1 }')" -- "$current")
		return ;;
	--sandbox)
		mapfile -t COMPREPLY < <(compgen -W "require prefer off" -- "$current")
		return ;;
	--every)
		mapfile -t COMPREPLY < <(compgen -W "15m 1h 24h 7d" -- "$current")
		return ;;
	--fail-on)
		mapfile -t COMPREPLY < <(compgen -W "low medium high critical unknown high,unknown critical,unknown" -- "$current")
		return ;;
	--by)
		mapfile -t COMPREPLY < <(compgen -W "package image layer" -- "$current")
		return ;;
	--as)
		mapfile -t COMPREPLY < <(compgen -W "package vulnerability file layer path" -- "$current")
		return ;;
	--platform)
		mapfile -t COMPREPLY < <(compgen -W "linux/amd64 linux/arm64 linux/arm/v7 linux/s390x linux/ppc64le all" -- "$current")
		return ;;
	--store | --db | --spool | --memo | --cert-dir)
		mapfile -t COMPREPLY < <(compgen -d -- "$current")
		return ;;
	--from-file | --output | --stats | --authfile | --registries-conf | --key | --list | --webhook-key | --webhook-ca)
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		return ;;
	esac
	case $current in
	-*)
		words=$(varve "$command" --help 2>/dev/null | sed -n 's/^  \(--[a-z-]*\).*/\1/p')
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
		return ;;
	esac
	case $command in
	help) words=$(varve --help 2>/dev/null | sed -n 's/^  \([a-z][a-z]*\)  *.*/\1/p') ;;
	db) words="import update info" ;;
	store) words="info check backup restore memo" ;;
	keys) words="generate show authorize revoke" ;;
	scan) words="docker:// registry:// oci: oci-archive: docker-archive: rootfs:" ;;
	submit) words="docker:// registry://" ;;
	watch | results | cancel | pause | resume) words=$(varve status 2>/dev/null | awk '$1 ~ /^[0-9]+$/ && $2 != "worker" && $2 != "workers," { print $1 }') ;;
	drain) words="broker $(varve status --workers 2>/dev/null | awk 'NR > 1 && $1 ~ /^[0-9]+$/ { print $2 }')" ;;
	*) words= ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
	case $command:$COMP_CWORD in
	db:2 | store:2 | keys:2) ;;
	*) mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$current") ;;
	esac
	compopt -o nospace 2>/dev/null
	__ltrim_colon_completions "$current" 2>/dev/null
}
complete -F _varve varve
