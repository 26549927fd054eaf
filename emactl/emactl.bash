# Completion of emactl for bash.  -*- shell-script -*-
_emactl() {
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command='' config=() i
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-c | --config) config=(-c "${COMP_WORDS[i + 1]}") && ((i++)) ;;
		-*) ;;
		*) command=${COMP_WORDS[i]} && break ;;
		esac
	done
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
	case $command in
	'') mapfile -t COMPREPLY < <(compgen -W 'check explain who-can what-can test tools plugins onboard keys audit reload status revoke unblock revoked --config --verbose --help --version' -- "$word") ;;
	check) mapfile -t COMPREPLY < <(compgen -W '--live --json' -- "$word") ;;
	explain) mapfile -t COMPREPLY < <(compgen -W '--service --assertion --token --message --client --resource --scope --remote --now --json' -- "$word") ;;
	who-can) mapfile -t COMPREPLY < <(compgen -W 'tool prompt uri --service --now --json' -- "$word") ;;
	what-can) mapfile -t COMPREPLY < <(compgen -W '--email --group --role --now --json' -- "$word") ;;
	tools)
		if [[ $before == tools ]]; then mapfile -t COMPREPLY < <(compgen -W 'import accept' -- "$word")
		else mapfile -t COMPREPLY < <(compgen -W '--accept --json' -- "$word"; compgen -f -- "$word"); fi
		;;
	test) mapfile -t COMPREPLY < <(compgen -W '--json' -- "$word"; compgen -f -- "$word") ;;
	reload | status) mapfile -t COMPREPLY < <(compgen -W '--admin --json' -- "$word") ;;
	revoke | unblock | revoked) mapfile -t COMPREPLY < <(compgen -W '--subject --person --client --provider --tenant --service --token --everything --block --reason --admin --json' -- "$word") ;;
	plugins) mapfile -t COMPREPLY < <(compgen -W '--json' -- "$word") ;;
	onboard) mapfile -t COMPREPLY < <(compgen -W "--service --json claude claude-code vscode $(emactl "${config[@]}" __complete providers 2>/dev/null)" -- "$word") ;;
	keys) mapfile -t COMPREPLY < <(compgen -W 'list rotate --now --json' -- "$word") ;;
	audit)
		if [[ $before == audit ]]; then mapfile -t COMPREPLY < <(compgen -W 'verify show subject --state --sink --tenant --json' -- "$word")
		else mapfile -t COMPREPLY < <(compgen -W '--state --sink --tenant --json' -- "$word"; compgen -f -- "$word"); fi
		;;
	esac
}
complete -F _emactl emactl
