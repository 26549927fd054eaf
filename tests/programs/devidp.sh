#!/bin/bash
. "${srcdir:-.}/tests/lib.sh"

background devidp --state "$work/state" --ports okta=0,azure=0,oidc=0 --ready-file "$work/ready" >"$work/said"
for ((i = 0; i < 1200; i++)); do [ -s "$work/ready" ] && break; sleep 0.05; done
[ -s "$work/ready" ] || { echo "Bail out! devidp did not start"; exit 1; }
okta=$(sed -n 's/^okta=//p' "$work/ready") azure=$(sed -n 's/^azure=//p' "$work/ready") oidc=$(sed -n 's/^oidc=//p' "$work/ready")
tenant=6babcaad-604b-40ac-a9d7-9fd97c0b779f
audience=https://auth.acme.example/github

page() { curl -s --max-time 20 "http://127.0.0.1:$1"; }
post() { curl -s --max-time 20 -X POST "http://127.0.0.1:$1"; }
token() { devidp --state "$work/state" --service "$audience" --print-assertion "$@"; }
part() { tr '_-' '/+' | cut -d. -f"$1" | sed 's/$/===/' | base64 -di 2>/dev/null; }
# claims EXPRESSION ARGUMENT...: jq's expression holds for the claims of such a token; header: for its header.
claims() { local expression=$1; shift; token "$@" | part 2 | jq -e "$expression"; }
header() { local expression=$1; shift; token "$@" | part 1 | jq -e "$expression"; }
holds() { local expression=$1; shift; page "$@" | jq -e "$expression"; }
kid() { page "$okta/oauth2/v1/keys" | jq -r '.keys[0].kid'; }

ok "it says that it is no IdP for production" grep -q "no IdP for production" "$work/said"
ok "the folder of keys is its owner's alone" test "$(stat -c %a "$work/state") $(stat -c %a "$work/state/okta.keys")" = "700 600"

ok "okta: discovery names the organisation's issuer, without a slash" \
	holds ".issuer == \"http://127.0.0.1:$okta\" and .jwks_uri == \"http://127.0.0.1:$okta/oauth2/v1/keys\"" "$okta/.well-known/oauth-authorization-server"
ok "okta: a key set without private members" holds '.keys | length == 1 and (.[0] | .kty == "RSA" and .use == "sig" and (has("d") | not))' "$okta/oauth2/v1/keys"
ok "okta: the header of an ID-JAG" header ".alg == \"RS256\" and .typ == \"oauth-id-jag+jwt\" and .kid == \"$(kid)\"" alice
ok "okta: the claims of an ID-JAG" claims ".iss == \"http://127.0.0.1:$okta\" and .aud == \"$audience\" and .exp - .iat == 300 and
	.client_id == \"c\" and .email == \"alice@acme.example\" and (.jti | startswith(\"IDAAG.\")) and .act.sub_profile == \"ai_agent\" and
	(has(\"groups\") or has(\"resource\") | not)" alice --client c
ok "okta: a SAML name id" claims '.sub_id.format == "saml-nameid" and .sub_id.nameid == "bob@acme.example"' bob --saml

ok "azure: version 2 discovery" holds ".issuer == \"http://127.0.0.1:$azure/$tenant/v2.0\"" "$azure/$tenant/v2.0/.well-known/openid-configuration"
ok "azure: the common document has a template" holds '.issuer | endswith("/{tenantid}/v2.0")' "$azure/common/v2.0/.well-known/openid-configuration"
ok "azure: each key has an issuer" holds '[.keys[].issuer | sub(".*//[^/]*"; "")] == ["/{tenantid}/v2.0", "/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0"]' "$azure/common/discovery/v2.0/keys"
ok "azure: a version 2 token" claims ".iss == \"http://127.0.0.1:$azure/$tenant/v2.0\" and .ver == \"2.0\" and .tid == \"$tenant\" and .azp == \"c\" and
	has(\"scp\") and .roles == [\"mcp.reader\"] and .oid != .sub" carol --persona azure --client c
ok "azure: a version 1 token" claims ".iss == \"http://127.0.0.1:$azure/$tenant/\" and .ver == \"1.0\" and .appid == \"c\" and .acr == \"1\"" carol --persona azure --client c --token-version 1
ok "azure: an application's token" claims '.oid == .sub and .idtyp == "app" and (has("scp") | not)' carol --persona azure --app
ok "azure: too many groups" claims '._claim_names.groups == "src1" and (has("groups") | not)' carol --persona azure --overage

ok "oidc: discovery and keys" holds ".jwks_uri == \"http://127.0.0.1:$oidc/keys\"" "$oidc/.well-known/openid-configuration"
ok "oidc: an access token with ES256" header '.alg == "ES256" and .typ == "at+jwt"' dan --persona oidc --kind access_token
ok "a claim set, and one taken away" claims '.realm_access.roles == ["r"] and (has("email") | not)' dan --persona oidc \
	--claim 'realm_access={"roles":["r"]}' --claim email=null

ok "bad: expired" claims '.exp < now' alice --bad expired
ok "bad: the audience with a slash" claims ".aud == \"$audience/\"" alice --bad audience-slash
ok "bad: no algorithm" header '.alg == "none"' alice --bad algorithm-none
ok "bad: a member twice" grep -q '"sub":.*"sub":' <(token alice --bad duplicate | part 2)
ok "bad: the key of another issuer" header ".kid == \"$(page "$azure/common/discovery/v2.0/keys" | jq -r '.keys[1].kid')\"" carol --persona azure --bad key-issuer
fails 2 "a fault that is none" token alice --bad luck
fails 1 "nobody of that name" token zoe
says "no such user"

urn=urn:ietf:params:oauth
exchange() {
	curl -s --max-time 20 --data-urlencode "subject_token=$1" -d "grant_type=$urn:grant-type:token-exchange" -d "subject_token_type=$urn:token-type:id_token" \
		-d "requested_token_type=$urn:token-type:id-jag" -d "client_id=$2" -d client_secret=any -d "audience=$audience" \
		-d "scope=repo:read" "http://127.0.0.1:$okta/oauth2/v1/token"
}
id=$(devidp --state "$work/state" --service wiki --kind id_token --print-assertion bob)
exchange "$id" wiki >"$work/exchanged"
ok "an ID token is exchanged for an ID-JAG" jq -e ".token_type == \"N_A\" and .issued_token_type == \"$urn:token-type:id-jag\"" "$work/exchanged"
ok "of the same person, for the client" jq -e '.client_id == "wiki" and .scope == "repo:read" and .email == "bob@acme.example"' \
	<(jq -r .access_token "$work/exchanged" | part 2)
exchange "$id" mail >"$work/exchanged"
ok "not for another client" jq -e '.error == "invalid_grant"' "$work/exchanged"
exchange "$(token bob --kind id_token --bad signature)" "$audience" >"$work/exchanged"
ok "not with a wrong signature" jq -e '.error == "invalid_grant"' "$work/exchanged"
exchange "$(jq -r '.access_token' <<<'{"access_token":""}')" wiki >"$work/exchanged"
ok "not with nothing" jq -e 'has("error")' "$work/exchanged"

before=$(kid)
ok "rotate" post "$okta/devidp/rotate"
ok "another key signs" header ".kid == \"$(kid)\" and .kid != \"$before\"" alice
ok "and the old one is gone" holds ".keys | length == 1" "$okta/oauth2/v1/keys"
ok "rotate and keep" post "$okta/devidp/rotate?keep=1"
ok "both are there" holds ".keys | length == 2" "$okta/oauth2/v1/keys"

post "$okta/devidp/outage?on=1" >/dev/null
fails 52 "an outage: no answer" page "$okta/oauth2/v1/keys"
post "$okta/devidp/outage?on=0" >/dev/null
ok "and back" page "$okta/oauth2/v1/keys"
wrongly() { post "$okta/devidp/answer?wrong=$1" >/dev/null; }
wrongly issuer
ok "wrong: the issuer" holds '.issuer == "https://idp.other.example"' "$okta/.well-known/openid-configuration"
wrongly empty
ok "wrong: no keys" holds '.keys == []' "$okta/oauth2/v1/keys"
wrongly html
ok "wrong: a page" grep -q '<title>' <(page "$okta/oauth2/v1/keys")
wrongly big
ok "wrong: too much" test "$(page "$okta/oauth2/v1/keys" | wc -c)" -gt 262144
wrongly private
ok "wrong: private keys" holds '.keys[0] | has("d")' "$okta/oauth2/v1/keys"
wrongly 500
ok "wrong: 500" test "$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$okta/oauth2/v1/keys")" = 500
wrongly nothing
ok "and right again" holds '.keys | length == 2' "$okta/oauth2/v1/keys"
ok "a token over HTTP" grep -qE '^[^.]+\.[^.]+\.[^.]+$' <(post "$oidc/devidp/token?user=dan&service=x")
ok "it counts what it was asked" holds '.keys_requests > 5 and .wrong == "nothing" and (.outage | not)' "$okta/devidp/status"

cat >"$work/people.json" <<'PEOPLE'
[ { "user": "zoe", "sub": "z-1", "email": "zoe@acme.example" } ]
PEOPLE
ok "people of a file" claims '.sub == "z-1"' zoe --people "$work/people.json"
echo '{}' >"$work/people.json"
fails 1 "a file that is none" token zoe --people "$work/people.json"
chmod 777 "$work/state"
fails 1 "a folder that others may write in" token alice
says "nobody else may write"
plan
