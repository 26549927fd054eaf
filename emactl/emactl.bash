# Completion of emactl for bash.  -*- shell-script -*-
_emactl() {
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command='' form='' config=() i
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-c | --config) config=(-c "${COMP_WORDS[i + 1]}") && ((i++)) ;;
		-*) ;;
		*) command=${COMP_WORDS[i]} && form=${COMP_WORDS[i + 1]} && break ;;
		esac
	done
	((i + 1 < COMP_CWORD)) || form=''
	case $before in
	--provider)
		mapfile -t COMPREPLY < <(compgen -W "$(emactl "${config[@]}" __complete providers 2>/dev/null)" -- "$word")
		return
		;;
	--service)
		mapfile -t COMPREPLY < <(compgen -W "$(emactl "${config[@]}" __complete services 2>/dev/null)" -- "$word")
		return
		;;
	--token)
		[[ $command == explain ]] && mapfile -t COMPREPLY < <(compgen -f -- "$word")
		return
		;;
	-c | --config | --assertion | --message | --state | --admin)
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		return
		;;
	esac
	case "$command $form" in
	' ') mapfile -t COMPREPLY < <(compgen -W 'check explain who-can what-can test tools plugins onboard keys audit reload status revoke unblock revoked --config --verbose --help --version' -- "$word") ;;
	check*) mapfile -t COMPREPLY < <(compgen -W '--live --json' -- "$word") ;;
	explain*) mapfile -t COMPREPLY < <(compgen -W '--service --assertion --token --message --client --resource --scope --remote --now --json' -- "$word") ;;
	who-can*) mapfile -t COMPREPLY < <(compgen -W 'tool prompt uri --service --now --json' -- "$word") ;;
	what-can*) mapfile -t COMPREPLY < <(compgen -W '--email --group --role --now --json' -- "$word") ;;
	'tools ') mapfile -t COMPREPLY < <(compgen -W 'import accept' -- "$word") ;;
	'tools import') mapfile -t COMPREPLY < <(compgen -W '--accept --json' -- "$word"; compgen -f -- "$word") ;;
	tools* | test*) mapfile -t COMPREPLY < <(compgen -W '--json' -- "$word"; compgen -f -- "$word") ;;
	reload* | status*) mapfile -t COMPREPLY < <(compgen -W '--admin --json' -- "$word") ;;
	revoke\ *) mapfile -t COMPREPLY < <(compgen -W '--subject --person --client --provider --tenant --service --token --everything --block --reason --admin --json' -- "$word") ;;
	unblock*) mapfile -t COMPREPLY < <(compgen -W '--subject --person --client --provider --tenant --service --token --everything --reason --admin --json' -- "$word") ;;
	revoked*) mapfile -t COMPREPLY < <(compgen -W '--subject --person --client --provider --tenant --service --token --everything --admin --json' -- "$word") ;;
	plugins*) mapfile -t COMPREPLY < <(compgen -W '--json' -- "$word") ;;
	onboard*) mapfile -t COMPREPLY < <(compgen -W "--service --json claude claude-code vscode $(emactl "${config[@]}" __complete providers 2>/dev/null)" -- "$word") ;;
	'keys ') mapfile -t COMPREPLY < <(compgen -W 'list rotate' -- "$word") ;;
	'keys rotate') mapfile -t COMPREPLY < <(compgen -W '--now --json' -- "$word") ;;
	keys*) mapfile -t COMPREPLY < <(compgen -W '--json' -- "$word") ;;
	'audit ') mapfile -t COMPREPLY < <(compgen -W 'verify show subject' -- "$word") ;;
	'audit verify') mapfile -t COMPREPLY < <(compgen -W '--state --sink --json' -- "$word"; compgen -f -- "$word") ;;
	'audit show') mapfile -t COMPREPLY < <(compgen -W '--tenant --json' -- "$word"; compgen -f -- "$word") ;;
	audit*) mapfile -t COMPREPLY < <(compgen -W '--state --json' -- "$word"; compgen -f -- "$word") ;;
	esac
}
complete -F _emactl emactl
