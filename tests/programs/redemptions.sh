# For tests that let assertions be redeemed by tests/programs/load while something fails: the configuration, and what must hold.
# shellcheck shell=bash
load=$builddir/tests/programs/load

# issuer FOLDER: makes an issuer's keys there, and the client's secret; $keys names them in ema.conf.
issuer() {
	"$load" keys "$1" || return 1
	(umask 077; echo secret-of-the-app >"$work/secret")
	keys="jwks = \"$(sed 's/["\\]/\\&/g' "$1/issuer.jwks")\";"
}
# redeemer FILE PORT STATE TRAIL STORE KEYS: the configuration of an emad.
redeemer() {
	cat >"$1" <<-EOF
	issuer = "https://auth.example";
	state_dir = "$3";
	audit = ( { plugin = "file"; path = "$4"; } );
	listen = ( { address = "127.0.0.1:$2"; serve = ["token", "health"]; } );
	rates = { address = 0; subject = 0; };
	store = { $5 };
	providers = ( { id = "idp"; plugin = "oidc"; issuer = "https://idp.example"; max_lifetime = "600s"; $6 accepts = ["id_jag"]; } );
	clients = ( { id = "app"; auth = "client_secret_basic"; secret = { file = "$work/secret"; }; } );
	services = ( { id = "svc"; resource = "https://mcp.example/svc"; identity = ["idp"];
	  scopes = ( { name = "read"; access = "read"; tools = ["get_*"]; } );
	  grants = ( { provider = "idp"; scopes = ["read"]; } ); } );
	EOF
}
# once FOLDER: no assertion of those in FOLDER/given was good for two tokens.
once() {
	local twice
	twice=$(cut -d" " -f1 "$1/given" | sort | uniq -d)
	[ -z "$twice" ] || { echo "given twice:"; echo "$twice" | head; return 1; }
}
# recorded FOLDER TRAIL...: each token in FOLDER/given is in one of the trails.
recorded() {
	local missing
	missing=$(comm -23 <(cut -d" " -f2 "$1/given" | sort) <(cat "${@:2}" | grep -o '"token_id":"[^"]*"' | cut -d'"' -f4 | sort -u))
	[ -z "$missing" ] || { echo "without a record:"; echo "$missing" | head; return 1; }
}
gone() { ! kill -0 "$1" 2>/dev/null; }
