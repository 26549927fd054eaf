#!/usr/bin/env bash
# emactl audit, and the rules of ema-audit(7) for who watches the records.
. "${srcdir:-$(dirname "$0")/../..}/tests/lib.sh"

page=$srcdir/man/ema-audit.7
# NAME, how many in a minute, and an extended regular expression.
awk '/^replay /,/^\.Ed/' "$page" | grep -v '^\.' >"$work/rules"
ok "there are rules" test "$(wc -l <"$work/rules")" -ge 7

# A word of a rule that nothing writes would never fire.
strange() {
	local word
	awk '{ print $3 }' "$work/rules" | grep -oE '[a-z]+([_-][a-z]+)*' | sort -u | while read -r word; do
		grep -rqF --include='*.c' --exclude=ocsf.c "\"$word\"" "$srcdir/core" || grep -q "^[0-9]*|$word|" "$srcdir/core/codes.tab" || echo "$word"
	done
}
ok "AUD-72 what the rules look for is written" test -z "$(strange)"

# record WHAT: a record in the form that EMA writes; WHAT are members between "client" and "seq".
record() { printf '{"client":"vscode",%s,"seq":7,"time":"2026-11-23T09:30:00.123Z","v":1,"writer":"w"}\n' "$1"; }
record '"code":"ok","kind":"decision","verdict":"permit"' >"$work/quiet"
for code in wrong_client unknown_issuer denied expired bad_signature; do
	record "\"code\":\"$code\",\"kind\":\"decision\",\"verdict\":\"deny\""
done >>"$work/quiet"
record '"kind":"chain-start","state":"new"' >>"$work/quiet"
record '"kind":"keys-fetched"' >>"$work/quiet"
# What a stranger writes into a value is escaped, and fires nothing.
record '"code":"expired","kind":"decision","reason":"\"code\":\"replayed\" \"kind\":\"audit-gap\" \"kind\":\"keys-stale\",\"code\":\"subject_conflict\""' >>"$work/quiet"

attack() {
	case $1 in
	replay) record '"code":"replayed","kind":"decision","verdict":"deny"' ;;
	client-mismatch) record '"code":"wrong_client","kind":"decision","verdict":"deny"' ;;
	unknown-issuer) record '"code":"unknown_issuer","kind":"decision","verdict":"deny"' ;;
	forged) record '"code":"bad_signature","kind":"decision","verdict":"deny"' ;;
	denied-high-risk) record '"code":"forbidden","kind":"check","risk":"high","verdict":"deny"' ;;
	denied) record '"code":"forbidden","kind":"check","verdict":"deny"' ;;
	merged) record '"code":"malformed","kind":"refusals-merged","merged":900' ;;
	keys-stale) record '"kind":"keys-stale"' ;;
	audit-gap) record '"kind":"audit-gap","lost":3' ;;
	chain-lost) record '"kind":"chain-start","salt":"x","state":"unknown"' ;;
	esac
}
count() { grep -cE -- "$1" "$2"; true; }

# AUD-72: each rule fires on what it is for, and not on a quiet minute.
while read -r name many pattern; do
	for ((i = 0; i < many; i++)); do attack "$name"; done >"$work/attack"
	ok "AUD-72 $name fires" test "$(count "$pattern" "$work/attack")" -ge "$many"
	ok "AUD-72 $name is quiet" test "$(count "$pattern" "$work/quiet")" -lt "$many"
done <"$work/rules"

# AUD-61: each field of a decision stands in the page with its tag, which is "personal" exactly where the record has a pseudonym.
# put(&fields, NAME, VALUE, PERSONAL), put_list(&fields, NAME, ...), put_number(&fields, NAME, ...); a NAME may be one of two.
sed -n 's/^[[:space:]].*\bput\(_list\|_number\)\?(&\?fields, \([^,]*\),.*/\2 &/p' "$srcdir/core/context/record.c" | awk '{
	personal = /, 1\);$/ ? "personal" : "not"; name = $0; sub(/[[:space:]][[:space:]].*/, "", name); sub(/,.*/, "", name)
	while (match(name, /"[a-z_]+"/)) { print substr(name, RSTART + 1, RLENGTH - 2), personal; name = substr(name, RSTART + RLENGTH) }
}' | sort -u >"$work/written"
awk '/^\.Ss Fields of a decision/,/^\.El/' "$page" | sed -n 's/^\.It Cm //p' | awk -F ' Ta ' '{
	n = split($1, names, " , Cm ")
	for (i = 1; i <= n; i++) print names[i], $NF
}' | sort -u >"$work/tagged"
ok "AUD-61 there are fields" test "$(wc -l <"$work/written")" -ge 50
ok "AUD-61 each has a tag" diff <(cut -d' ' -f1 "$work/written" | sort -u) <(cut -d' ' -f1 "$work/tagged" | sort -u)
ok "AUD-61 of id, personal and technical" sh -c '! grep -vE "^[a-z_]+ (id|personal|technical)$" "$1"' sh "$work/tagged"
ok "AUD-61 what is personal is written as such" diff <(grep ' personal$' "$work/written") <(grep ' personal$' "$work/tagged")

printf '%s\n' '{"kind":"decision","provider":"okta","subject":"ann","v":1}' '{"kind":"decision","provider":"okta","subject":"bob","v":1}' \
	'{"raw_data":"{\"kind\":\"decision\",\"person\":\"ann\",\"reason\":\"inner\"}","class_uid":3002}' >"$work/trail"
# AUD-66
ok "AUD-66 the records of a person" emactl audit subject ann "$work/trail"
says '"subject":"ann"'
says '"class_uid":3002'
says "3 records read, 2 of this subject"
ok "and of nobody else" sh -c 'emactl audit subject ann "$1" 2>/dev/null | grep -q bob && exit 1; exit 0' sh "$work/trail"
ok "with its provider" emactl audit subject okta/-/bob "$work/trail" --json
says '"subject": "bob"'
fails 2 "no file" emactl audit subject ann "$work/nothing"
says "No such file"
fails 2 "no subject" emactl audit subject "$work/trail"
says "subject SUBJECT FILE"
# Whoever could write the file does not command the reader's terminal.
printf '{"kind":"decision","provider":"okta","reason":"\302\2332J","subject":"ann","v":1}\n' >"$work/hostile"
ok "lines as they are" sh -c 'emactl audit subject ann "$1" | cmp - "$1"' sh "$work/hostile"
hostile() { script -qec "emactl audit subject ann '$work/hostile'" /dev/null </dev/null | tr -d '\r' >"$work/seen" && grep -q '"reason":"??2J"' "$work/seen"; }
if command -v script >/dev/null; then ok "and harmless on a terminal" hostile; else skip "and harmless on a terminal" "no script(1) here"; fi
fails 2 "an empty subject" emactl audit subject '' "$work/trail"
says "this one is empty"
ok "a folder without salts" emactl audit subject ann "$work/trail" --state "$work"
says "no salt can be read"
ok "an event of OCSF is shown as its record" emactl audit show "$work/trail"
says "inner"
# A damaged line hides no other one, and is no row.
printf '%s\n' '{"time":null,"provider":null,"tenant":null,"verdict":null,"what":null}' '{"raw_data":null}' '{"raw_data":"xx"}' '{"raw_data":"null"}' '{"raw_data":{}}' null \
	'{"kind":"start","reason":"the last"}' >"$work/damaged"
fails 1 "damaged lines" emactl audit show "$work/damaged"
says "the last"
ok "each is told" test "$(grep -c 'damaged:[2-6]: this line is no record' "$work/.out")" = 5
fails 1 "with a tenant" emactl audit show "$work/damaged" --tenant okta/-
fails 1 "and as JSON" emactl audit show "$work/damaged" --json
ok "has what is a record alone" test "$(emactl audit show "$work/damaged" --json 2>/dev/null | jq -c '[.records[] | .reason]')" = '[null,"the last"]'
fails 1 "what was not written by EMA does not hold" emactl audit verify "$work/trail"
says "the chain does not hold"
# AUD-34: a trail by itself, and with what the state_dir of its writer knows.
line='{"kind":"start","prev":"none","seq":1,"time":"2026-11-23T09:30:00.123Z","v":1,"writer":"w"}'
mkdir -p "$work/state/audit" "$work/other/audit"
echo "$line" >"$work/chain"
: >"$work/empty"
for state in state other; do (umask 077; printf '%-32s' "$state" >"$work/$state/audit/key"); done
ok "AUD-34 a chain by itself" emactl audit verify "$work/chain"
says "is not known without the state_dir of the writers"
fails 1 "AUD-34 that nothing shows" emactl audit verify "$work/chain" --state "$work/state"
says "no seal and no head shows that w wrote what is here"
printf '%020d %s\n' 1 "$({ head -c 32 /dev/zero; printf %s "$line"; } | openssl dgst -sha256 -binary | basenc --base64url | tr -d =)" >"$work/state/audit/w.head"
ok "AUD-34 as its head says" emactl audit verify "$work/chain" "$work/empty" --state "$work/other" --state "$work/state" --json
says '"holds": true'
says '"files": ['
fails 1 "AUD-34 an empty file" emactl audit verify "$work/empty" --json
says '"holds": false'
says 'no records: nothing could be checked'
fails 1 "AUD-34 an emptied file" emactl audit verify "$work/empty" --state "$work/state"
says "w wrote 1 records, and none is here"
rm "$work/other/audit/key"
fails 2 "AUD-34 a state_dir without a key" emactl audit verify "$work/chain" --state "$work/state" --state "$work/other"
says "other/audit/key: No such file or directory; it is the key of the checkpoints"

# A check is shown as the request that it was.
cat >"$work/check.jsonl" <<'EOF'
{"arguments":["/repo=\"acme/x\"","/deep/n=7"],"code":"forbidden","decided_at":1791806400,"held_scopes":["read"],"kind":"check","method":"tools/call","provider":"idp","reason":"no grant","rule":"ema.conf:9","salt":"s","service":"repo","subject":"pseudonym-of-ann","target":"put_file","time":"2026-10-12T12:00:00.000Z","verdict":"deny"}
EOF
cat >"$work/shadow.jsonl" <<'EOF'
{"code":"ok","enforced":"not_granted","kind":"check","method":"tools/call","service":"repo","target":"put_file","time":"2026-10-12T12:00:00.000Z","token_client":"vscode","verdict":"permit"}
{"code":"forbidden","enforced":"forbidden","kind":"check","method":"tools/call","reason":"no grant","service":"repo","shadow_code":"ok","shadow_rule":"ema.conf:7","target":"put_file","time":"2026-10-12T12:00:00.000Z","verdict":"deny"}
EOF
ok "checks in shadow mode" emactl audit show "$work/shadow.jsonl"
says 'vscode'
says 'tools/call put_file [shadow mode: it would be not_granted]'
says 'tools/call put_file: no grant [in shadow mode: ema.conf:7 would make it ok]'
cat >"$work/acts.jsonl" <<'EOF'
{"kind":"revoked","time":"2026-11-27T08:29:25.258Z","verdict":"permit","code":"ok","by":"uid 0","why":"laptop lost","what":"client","block":"yes","name":"vscode"}
{"kind":"unblocked","time":"2026-11-27T08:29:26.258Z","verdict":"permit","code":"ok","by":"ann","what":"subject","provider":"okta","subject":"p:abc"}
EOF
ok "what an operator did" emactl audit show "$work/acts.jsonl"
says 'revoked            '
says 'client vscode, blocked, by uid 0: laptop lost'
says 'p:abc        subject, by ann'
ok "a check in the table" emactl audit show "$work/check.jsonl"
says 'pseudonym-of tools/call put_file {"repo":"acme/x","deep":{"n":7}}: ema.conf:9: no grant'
narrow() { # on a terminal of 80 columns each first line fits, and the reason stands below
	script -qec "stty cols 80; NO_COLOR=1 emactl audit show '$work/check.jsonl'" /dev/null </dev/null | tr -d '\r' >"$work/narrow"
	cat "$work/narrow"
	grep -q '^2026-10-12T12:00:00 deny    forbidden ' "$work/narrow" && grep -q '^    pseudonym-of tools/call put_file .*: no grant$' "$work/narrow" &&
		! grep -v '^    ' "$work/narrow" | grep -q '.\{81\}'
}
if command -v script >/dev/null; then ok "a check on a narrow terminal" narrow; else skip "a check on a narrow terminal" "no script(1) here"; fi
# What an attacker named a tool moves no cursor and turns no line round, and a name in another script stands as it is.
sed 's/put_file/\\u202eelif\\u009b2J\\u001b\\u2028\\ufeff\\u061c\\u200b\\u00ad\\u2063\\udb40\\udc41\\n2026-10-12T12:00:00.000Z permit\\t\\u00fcber\\u540d\\ud83d\\ude00/' "$work/check.jsonl" >"$work/hostile.jsonl"
rows=$(emactl audit show "$work/check.jsonl" | wc -l)
emactl audit show "$work/hostile.jsonl" >"$work/hostile"
ok "a check of a hostile name" emactl audit show "$work/hostile.jsonl"
says 'tools/call ???elif??2J????????'
says '?2026-10-12T12:00:00.000Z permit?über名😀 {"repo"'
ok "and is one row" sh -c 'test "$(grep -c permit "$1")" = 1 && test "$(wc -l <"$1")" = "$2"' sh "$work/hostile" "$rows"
if LC_ALL=C grep -q "$(printf '\302\233')\|$(printf '\342\200')\|$(printf '\033')" "$work/.out"; then ok "no control" false; else ok "no control" true; fi
# JSON says the same by other letters.
sed -i 's/put_file\|elif/&\\u007f/; s/no grant/no \\ud83d\\ude00 gränt/' "$work/hostile.jsonl"
ok "the same as JSON" emactl audit show "$work/hostile.jsonl" --json
says '\u202eelif\u007f\u009b2J\u001b\u2028\ufeff\u061c\u200b\u00ad\u2063\udb40\udc41\n'
says 'no 😀 gränt'
ok "is the same to who reads it" test "$(jq -S '.records[0]' "$work/.out")" = "$(jq -S . "$work/hostile.jsonl")"
printf '{"kind":"start","reason":"a\377b"}\n' >"$work/broken.jsonl"
ok "and what is no UTF-8" emactl audit show "$work/broken.jsonl" --json
says '"a\ufffdb"'
# AUD-68
printf '%s\n' '{"kind":"decision","provider":"azure","tenant":"t1","subject":"ann","reason":"one"}' '{"kind":"decision","provider":"azure","tenant":"t2","subject":"bob","reason":"two"}' \
	'{"kind":"decision","provider":"azur","tenant":"e/t1","reason":"three"}' '{"kind":"decision","provider":"azure","reason":"four"}' '{"kind":"keys-stale","reason":"five"}' \
	'{"kind":"decision","provider":"azure2","tenant":"t1","reason":"six"}' >"$work/tenants.jsonl"
of() { emactl audit show "$work/tenants.jsonl" --tenant "$1" | sed 1d | grep -oE 'one|two|three|four|five|six' | tr '\n' ' '; }
ok "AUD-68 one tenant's records" test "$(of azure/t1)" = "one "
ok "AUD-68 another's" test "$(of azure/t2)" = "two "
ok "AUD-68 those without a tenant" test "$(of azure/-)" = "four "
ok "AUD-68 of nobody" test -z "$(of azure/t3)$(of /t1)$(of azure/)"
ok "AUD-68 with --json" emactl audit show "$work/tenants.jsonl" --tenant azure/t2 --json
ok "AUD-68 which has one record" test "$(grep -c '"kind"' "$work/.out")" = 1
fails 2 "AUD-68 what is no tenant" emactl audit show "$work/tenants.jsonl" --tenant azure
says "PROVIDER/TENANT"
plan
