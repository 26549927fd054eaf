/* Codes of EMA: what a rule, a plugin or a decision answers. Made by scripts/codes from core/codes.tab. */
/* [which plugins may answer it: i identity, d directory, g guard, s store, a audit; nothing: the core alone] */
#ifndef EMA_CODES_H
#define EMA_CODES_H

#define EMA_OK                      0 /* [idgsa] granted */
#define EMA_INTERNAL                1 /* [idgsa] EMA or a plugin broke its own rules */
#define EMA_NOT_MINE                2 /* [idg] the credential belongs to another provider */
#define EMA_NOT_GRANTED             3 /* [] no rule granted access */
#define EMA_NO_RULES                4 /* [] the service has no identity rule */
#define EMA_DENIED                  5 /* [idg] a rule refused */
#define EMA_UNAVAILABLE             6 /* [idgsa] something that the decision needs did not answer */
#define EMA_TIMEOUT                 7 /* [idgsa] the answer came after the deadline */
#define EMA_MALFORMED               8 /* [i] not a JWS in compact form */
#define EMA_TOO_LARGE               9 /* [i] over a size limit */
#define EMA_BAD_ENCODING           10 /* [i] a character that base64url does not have, padding, or stray bits */
#define EMA_BAD_JSON               11 /* [i] not one strict JSON object */
#define EMA_DUPLICATE_MEMBER       12 /* [i] a member name stands twice */
#define EMA_ENCRYPTED              13 /* [i] an encrypted token: not supported */
#define EMA_WRONG_TYPE             14 /* [i] the token is of another kind (typ) */
#define EMA_CRITICAL_HEADER        15 /* [i] the header has a critical extension (crit) */
#define EMA_BAD_ALGORITHM          16 /* [i] the algorithm is not allowed here */
#define EMA_UNKNOWN_KEY            17 /* [i] no key of the issuer fits the token */
#define EMA_BAD_SIGNATURE          18 /* [i] the signature is wrong */
#define EMA_KEYS_UNAVAILABLE       19 /* [i] the issuer's keys could not be had */
#define EMA_UNKNOWN_ISSUER         20 /* [i] no provider has this issuer */
#define EMA_MISSING_CLAIM          21 /* [i] a claim that must be there is absent */
#define EMA_BAD_CLAIM              22 /* [i] a claim has the wrong type or form */
#define EMA_EXPIRED                23 /* [i] the token is no longer valid */
#define EMA_NOT_YET_VALID          24 /* [i] the token is not valid yet (nbf) */
#define EMA_ISSUED_IN_FUTURE       25 /* [i] the token was issued in the future (iat) */
#define EMA_LIFETIME_TOO_LONG      26 /* [i] exp is too far from iat */
#define EMA_WRONG_AUDIENCE         27 /* [i] the token is for another audience */
#define EMA_WRONG_CLIENT           28 /* [i] the token was issued to another client */
#define EMA_WRONG_RESOURCE         29 /* [i] the token is for another resource */
#define EMA_BAD_SCOPE              30 /* [i] the scope claim has the wrong form */
#define EMA_UNKNOWN_SCOPE          31 /* [i] a scope that the service does not have */
#define EMA_MISSING_TENANT         32 /* [i] a provider of several tenants named none */
#define EMA_WRONG_TENANT           33 /* [i] the tenant is not served here */
#define EMA_WRONG_PROVIDER         34 /* [i] an e-mail address of a domain that another provider has the authority for */
#define EMA_SUBJECT_CONFLICT       35 /* [id] the token names two different subjects */
#define EMA_UNKNOWN_SUBJECT        36 /* [idg] the subject is in no directory that must know it */
#define EMA_DISABLED               37 /* [idg] the account is disabled */
#define EMA_ACTOR_REFUSED          38 /* [ig] the actor (act) is missing, unlisted or nested too deep */
#define EMA_NOT_A_PERSON           39 /* [i] an application or workload, where a person is asked for */
#define EMA_GROUP_OVERAGE          40 /* [id] the issuer left the groups out because there are too many */
#define EMA_WEAK_AUTHENTICATION    41 /* [ig] the login was too weak or too long ago */
#define EMA_BOUND_TOKEN            42 /* [i] the token is bound to a key (cnf) that was not proved */
#define EMA_UNSUPPORTED_DETAILS    43 /* [i] the token has authorization_details */
#define EMA_REVOKED                44 /* [g] revoked */
#define EMA_REPLAYED               45 /* [g] the assertion was used before */
#define EMA_DIRECTORY_UNAVAILABLE  46 /* [d] a directory did not answer */
#define EMA_DIRECTORY_STALE        47 /* [d] what the directory knows is older than its max_age */
#define EMA_STORE_UNAVAILABLE      48 /* [s] the store did not answer */
#define EMA_STORE_FULL             49 /* [s] the store has no room for this provider */
#define EMA_AUDIT_UNAVAILABLE      50 /* [a] the audit record could not be written */
#define EMA_OUT_OF_MEMORY          51 /* [idgsa] no memory */
#define EMA_CLOCK_WRONG            52 /* [] this machine's clock is before the day EMA was made */
#define EMA_AFTER_FORK             53 /* [] a context made before fork() was used in the child */
#define EMA_UNKNOWN_SERVICE        54 /* [] no service of that id */
#define EMA_BAD_REQUEST            55 /* [] the request lacks something or has the wrong form */
#define EMA_CONFIG                 56 /* [idgsa] the configuration is wrong */
#define EMA_ABSENT                 57 /* [s] there is no such entry */
#define EMA_EXISTS                 58 /* [s] there is such an entry already */
#define EMA_BEFORE_START           59 /* [] the assertion is older than what the store remembers */
#define EMA_NO_SCOPE               60 /* [] no scope is left: neither the token nor the request has one that the service knows */
#define EMA_UNKNOWN_CLIENT         61 /* [] there is no client of this id */
#define EMA_CLIENT_REFUSED         62 /* [] the client did not prove who it is */
#define EMA_CLIENT_METHOD          63 /* [] the client used another way to authenticate than the one it is registered with */
#define EMA_CLIENT_REPLAYED        64 /* [] the client assertion (jti) was used before */
#define EMA_CLIENT_UNAVAILABLE     65 /* [] the client's keys or its metadata document could not be had */
#define EMA_CLIENT_NOT_ALLOWED     66 /* [] the client is not registered for this grant or this service */
#define EMA_UNSUPPORTED_GRANT      67 /* [] a grant type that is not taken here */
#define EMA_BAD_TARGET             68 /* [] the resource parameter names none, or not one, of what may be had */
#define EMA_BAD_DETAILS            69 /* [] the request has authorization_details that are not taken here */
#define EMA_BAD_PROOF              70 /* [] the DPoP proof is wrong */
#define EMA_PROOF_NONCE            71 /* [] the DPoP proof lacks the nonce that is asked for */
#define EMA_PROOF_MISSING          72 /* [] the token or the service wants a proof of possession, and there is none */
#define EMA_RATE_LIMITED           73 /* [] too many requests */
#define EMA_NO_TOKEN               74 /* [] the request has no token */
#define EMA_BAD_TOKEN_TYPE         75 /* [] tokens of this type cannot be revoked */
#define EMA_INSUFFICIENT_SCOPE     76 /* [] the token lacks a scope that its bearer may have */
#define EMA_FORBIDDEN              77 /* [] no grant allows it, or a deny refuses it */
#define EMA_BLOCKED                78 /* [g] blocked until an administrator lifts it */
#define EMA_SECRET_IN_URL          79 /* [] a token, an assertion or a secret stands in the query of the URL */
#define EMA_BAD_MESSAGE            80 /* [] the message is no MCP request of a revision that is taken */
#define EMA_NARROW_SCOPE           81 /* [] the request asks for fewer scopes than the token has, which scope_rule refuses */

#define EMA_CODES                  82 /* how many there are in this version; a later one has more */

#endif
