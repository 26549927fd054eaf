# Reads the corpus at standard input and says of each line what PyJWT and jwcrypto make of it: NUMBER, name, "takes" or "refuses".
# What an implementation does not have at all is left out.
import json
import sys

try:
    import jwt
except ImportError:
    jwt = None
try:
    from jwcrypto import jwk, jws
except ImportError:
    jwk = None


def with_pyjwt(alg, key, token):
    jwt.decode(token, jwt.PyJWK(json.loads(key), algorithm=alg).key, algorithms=[alg])


def with_jwcrypto(alg, key, token):
    it = jws.JWS()
    it.allowed_algs = [alg]
    it.deserialize(token, jwk.JWK.from_json(key))
    if not isinstance(json.loads(it.payload), dict):
        raise ValueError("no claims")


for number, line in enumerate(sys.stdin, 1):
    entry = json.loads(line)
    judges = {}
    if entry["alg"] != "Ed25519":  # a name that neither of them knows yet
        if jwt:
            judges["PyJWT"] = with_pyjwt
        if jwk:
            judges["jwcrypto"] = with_jwcrypto
    for name, judge in judges.items():
        verdict = "takes"
        try:
            judge(entry["alg"], entry["key"], entry["token"])
        except Exception:  # whatever it is, it did not take the token
            verdict = "refuses"
        print(number, name, verdict, sep="\t")
