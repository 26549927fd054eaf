/* Codes of EMA: what a rule, a plugin or a decision answers. Made by scripts/codes from core/codes.tab. */
#ifndef EMA_CODES_H
#define EMA_CODES_H

#define EMA_OK                      0 /* granted */
#define EMA_INTERNAL                1 /* EMA or a plugin broke its own rules */
#define EMA_NOT_MINE                2 /* the credential belongs to another provider */
#define EMA_NOT_GRANTED             3 /* no rule granted access */
#define EMA_NO_RULES                4 /* the service has no identity rule */
#define EMA_DENIED                  5 /* a rule refused */
#define EMA_UNAVAILABLE             6 /* something that the decision needs did not answer */
#define EMA_TIMEOUT                 7 /* the answer came after the deadline */
#define EMA_MALFORMED               8 /* not a JWS in compact form */
#define EMA_TOO_LARGE               9 /* over a size limit */
#define EMA_BAD_ENCODING           10 /* a character that base64url does not have, padding, or stray bits */
#define EMA_BAD_JSON               11 /* not one strict JSON object */
#define EMA_DUPLICATE_MEMBER       12 /* a member name stands twice */
#define EMA_ENCRYPTED              13 /* an encrypted token: not supported */
#define EMA_WRONG_TYPE             14 /* the token is of another kind (typ) */
#define EMA_CRITICAL_HEADER        15 /* the header has a critical extension (crit) */
#define EMA_BAD_ALGORITHM          16 /* the algorithm is not allowed here */
#define EMA_UNKNOWN_KEY            17 /* no key of the issuer fits the token */
#define EMA_BAD_SIGNATURE          18 /* the signature is wrong */
#define EMA_KEYS_UNAVAILABLE       19 /* the issuer's keys could not be had */
#define EMA_UNKNOWN_ISSUER         20 /* no provider has this issuer */
#define EMA_MISSING_CLAIM          21 /* a claim that must be there is absent */
#define EMA_BAD_CLAIM              22 /* a claim has the wrong type or form */
#define EMA_EXPIRED                23 /* the token is no longer valid */
#define EMA_NOT_YET_VALID          24 /* the token is not valid yet (nbf) */
#define EMA_ISSUED_IN_FUTURE       25 /* the token was issued in the future (iat) */
#define EMA_LIFETIME_TOO_LONG      26 /* exp is too far from iat */
#define EMA_WRONG_AUDIENCE         27 /* the token is for another audience */
#define EMA_WRONG_CLIENT           28 /* the token was issued to another client */
#define EMA_WRONG_RESOURCE         29 /* the token is for another resource */
#define EMA_BAD_SCOPE              30 /* the scope claim has the wrong form */
#define EMA_UNKNOWN_SCOPE          31 /* a scope that the service does not have */
#define EMA_MISSING_TENANT         32 /* a provider of several tenants named none */
#define EMA_WRONG_TENANT           33 /* the tenant is not served here */
#define EMA_WRONG_PROVIDER         34 /* an e-mail address of a domain that another provider has the authority for */
#define EMA_SUBJECT_CONFLICT       35 /* the token names two different subjects */
#define EMA_UNKNOWN_SUBJECT        36 /* the subject is in no directory that must know it */
#define EMA_DISABLED               37 /* the account is disabled */
#define EMA_ACTOR_REFUSED          38 /* the actor (act) is missing, unlisted or nested too deep */
#define EMA_NOT_A_PERSON           39 /* an application or workload, where a person is asked for */
#define EMA_GROUP_OVERAGE          40 /* the issuer left the groups out because there are too many */
#define EMA_WEAK_AUTHENTICATION    41 /* the login was too weak or too long ago */
#define EMA_BOUND_TOKEN            42 /* the token is bound to a key (cnf) that was not proved */
#define EMA_UNSUPPORTED_DETAILS    43 /* the token has authorization_details */
#define EMA_REVOKED                44 /* revoked */
#define EMA_REPLAYED               45 /* the assertion was used before */
#define EMA_DIRECTORY_UNAVAILABLE  46 /* a directory did not answer */
#define EMA_DIRECTORY_STALE        47 /* what the directory knows is older than its max_age */
#define EMA_STORE_UNAVAILABLE      48 /* the store did not answer */
#define EMA_STORE_FULL             49 /* the store has no room for this provider */
#define EMA_AUDIT_UNAVAILABLE      50 /* the audit record could not be written */
#define EMA_OUT_OF_MEMORY          51 /* no memory */
#define EMA_CLOCK_WRONG            52 /* this machine's clock is before the day EMA was made */
#define EMA_AFTER_FORK             53 /* a context made before fork() was used in the child */
#define EMA_UNKNOWN_SERVICE        54 /* no service of that id */
#define EMA_BAD_REQUEST            55 /* the request lacks something or has the wrong form */
#define EMA_CONFIG                 56 /* the configuration is wrong */
#define EMA_ABSENT                 57 /* there is no such entry */
#define EMA_EXISTS                 58 /* there is such an entry already */
#define EMA_BEFORE_START           59 /* the assertion is older than what the store remembers */
#define EMA_NO_SCOPE               60 /* no scope is left: neither the token nor the request has one that the service knows */
#define EMA_UNKNOWN_CLIENT         61 /* there is no client of this id */
#define EMA_CLIENT_REFUSED         62 /* the client did not prove who it is */
#define EMA_CLIENT_METHOD          63 /* the client used another way to authenticate than the one it is registered with */
#define EMA_CLIENT_REPLAYED        64 /* the client assertion (jti) was used before */
#define EMA_CLIENT_UNAVAILABLE     65 /* the client's keys or its metadata document could not be had */
#define EMA_CLIENT_NOT_ALLOWED     66 /* the client is not registered for this grant or this service */
#define EMA_UNSUPPORTED_GRANT      67 /* a grant type that is not taken here */
#define EMA_BAD_TARGET             68 /* the resource parameter names none, or not one, of what may be had */
#define EMA_BAD_DETAILS            69 /* the request has authorization_details that are not taken here */
#define EMA_BAD_PROOF              70 /* the DPoP proof is wrong */
#define EMA_PROOF_NONCE            71 /* the DPoP proof lacks the nonce that is asked for */
#define EMA_PROOF_MISSING          72 /* the token or the service wants a proof of possession, and there is none */
#define EMA_RATE_LIMITED           73 /* too many requests */
#define EMA_NO_TOKEN               74 /* the request has no token */
#define EMA_BAD_TOKEN_TYPE         75 /* tokens of this type cannot be revoked */
#define EMA_INSUFFICIENT_SCOPE     76 /* the token lacks a scope that its bearer may have */
#define EMA_FORBIDDEN              77 /* no grant allows it, or a deny refuses it */
#define EMA_BLOCKED                78 /* blocked until an operator lifts it */
#define EMA_SECRET_IN_URL          79 /* a token, an assertion or a secret stands in the query of the URL */
#define EMA_BAD_MESSAGE            80 /* the message is no MCP request of a revision that is taken */

#define EMA_CODES                  81 /* how many there are in this version; a later one has more */

#endif
