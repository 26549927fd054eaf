core/token/keyring.c:121:			keyfolder_name(keyring->set->keys[j]->kid, name);
core/token/keyring.c:166:			if (key_set_find(keyring->set, all->keys[i]->kid) || key_set_is_void(all, all->keys[i]) != is_void)
core/token/keyring.c:168:			keyfolder_name(all->keys[i]->kid, name);
core/token/keyring.c:337:		if (!jwk_kid(jwk) || strcmp(jwk_kid(jwk), jwk_thumbprint(jwk)) || jwk_algorithm(jwk) == JOSE_NONE)
core/token/keyring.c:486:		return failure_set(failure, EMA_EXISTS, "a next key is published already: %s", next->kid);
core/token/keyring.c:618:	const struct signing_key *key = jws->kid ? key_set_find(set, jws->kid) : NULL;
core/token/keyring.c:623:		code = failure_set(failure, EMA_UNKNOWN_KEY, jws->kid ? "no key of ours has the token's kid" : "the token has no kid: ours have one");
core/token/access_read.c:156:	size_t scope_bytes = scope ? scope->length + 1 : 0, kid_bytes = strlen(token->kid) + 1, scopes = 1, names = (groups ? groups->count : 0) + (roles ? roles->count : 0);
core/token/access_read.c:170:	token->kid = memcpy(reader->scope + scope_bytes, token->kid, kid_bytes);
core/token/access_read.c:353:		token.kid = jws.kid;
core/token/keyfolder.c:129:void keyfolder_name(const char *kid, char name[KEYFOLDER_NAME])
core/token/keyfolder.c:131:	snprintf(name, KEYFOLDER_NAME, NAME_START "%.*s" NAME_END, KID_LENGTH, kid);
core/token/keyfolder.c:216:	if (fine && jwk_kid(jwk) && jwk_algorithm(jwk) != JOSE_NONE && !strcmp(jwk_kid(jwk), jwk_thumbprint(jwk)))
core/token/keyfolder.c:217:		keyfolder_name(jwk_kid(jwk), wanted);
core/token/key_set.c:41:	return strcmp(a->kid, b->kid) < 0;
core/token/key_set.c:57:struct signing_key *key_set_find(const struct key_set *set, const char *kid)
core/token/key_set.c:60:		if (!strcmp(set->keys[i]->kid, kid))
core/token/key_set.c:127:		if (strcmp(a->keys[i]->kid, b->keys[i]->kid))
core/context/record.c:267:		put(&fields, "kid", found->keys.kid, 0);
core/context/record.c:286:		put(&fields, "kid", p->own.kid, 0);
core/context/status.c:103:		put_text(out, "kid", keys[i].kid);
