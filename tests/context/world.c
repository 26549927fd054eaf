#define _GNU_SOURCE
#include "world.h"

#define json_type json_c_type /* our reader has a type of that name */
#include <json-c/json.h>
#undef json_type
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "buffer.h"
#include "jws.h"

atomic_llong world_moved;

static int64_t machine_wall(void *data)
{
	(void)data;
	return clock_wall(&clock_system);
}

static int64_t moved_monotonic(void *data)
{
	(void)data;
	return clock_monotonic(&clock_system) + atomic_load(&world_moved);
}

const struct clock world_clock = { machine_wall, moved_monotonic, NULL };

const char world_plain[] =
	"issuer = \"" OURS "\";\n"
	"providers = ( { id = \"idp\"; plugin = \"oidc\"; issuer = \"" ISSUER "\"; jwks = \"%JWKS%\"; accepts = [\"id_jag\"]; } );\n"
	"audit = ( { id = \"trail\"; plugin = \"file\"; path = \"%FOLDER%/audit.jsonl\"; } );\n"
	"services = ( { id = \"svc\"; resource = \"https://mcp.example/svc\"; identity = [\"idp\"];\n"
	"  scopes = ( { name = \"read\"; access = \"read\"; tools = [\"get_*\"]; },\n"
	"             { name = \"write\"; access = \"write\"; tools = [\"put_*\"]; } );\n"
	"  grants = ( { provider = \"idp\"; group = \"staff\"; scopes = [\"read\", \"write\"]; } ); } );\n";

/* Inside an ema.conf string, quotes and backslashes are escaped. */
static char *quoted(const char *text)
{
	struct buffer out = BUFFER_INIT(65536);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			buffer_char(&out, '\\');
		buffer_char(&out, *text);
	}
	return buffer_take(&out);
}

void world_refresh(struct world *world)
{
	world->now = (int64_t)time(NULL) + 10;
}

void world_next_second(void)
{
	int64_t begun = clock_wall(&clock_system) / 1000;
	while (clock_wall(&clock_system) / 1000 <= begun)
		usleep(20000);
}

void world_open(struct world *world)
{
	*world = (struct world){ .folder = "/tmp/ema-context-XXXXXX" };
	world_refresh(world);
	assert_non_null(mkdtemp(world->folder));
	assert_int_equal(jwk_generate(JOSE_ES256, &world->key, NULL), EMA_OK);
	assert_int_equal(jwk_generate(JOSE_ES256, &world->other, NULL), EMA_OK);
	char *key = jwk_print(world->key, 0), *set = NULL;
	assert_true(asprintf(&set, "{\"keys\":[%s]}", key) > 0);
	world->jwks = quoted(set);
	free(key);
	free(set);
	world->context = ema_new();
	assert_non_null(world->context);
	assert_int_equal(ema_set_plugin_path(world->context, BUILDDIR "/plugins/.libs"), EMA_OK);
}

void world_close(struct world *world)
{
	char *command = NULL;
	ema_free(world->context);
	jwk_free(world->key);
	jwk_free(world->other);
	free(world->jwks);
	assert_true(asprintf(&command, "rm -rf '%s'", world->folder) > 0);
	assert_int_equal(system(command), 0);
	free(command);
}

void world_file(const struct world *world, const char *name, const char *text)
{
	char path[128];
	snprintf(path, sizeof path, "%s/%s", world->folder, name);
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	while (*text) {
		if (!strncmp(text, "%FOLDER%", 8)) {
			fputs(world->folder, file);
			text += 8;
		} else if (!strncmp(text, "%JWKS%", 6)) {
			fputs(world->jwks, file);
			text += 6;
		} else {
			fputc(*text++, file);
		}
	}
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, 0640), 0);
}

int world_load(struct world *world, const char *text)
{
	char path[128];
	world_file(world, "ema.conf", text);
	snprintf(path, sizeof path, "%s/ema.conf", world->folder);
	return ema_load(world->context, path);
}

char *world_sign(struct world *world, const struct jwk *key, const char *type, const char *changes)
{
	struct json_object *claims = json_object_new_object(), *change = json_tokener_parse(changes ? changes : "{}");
	char jti[32], *token = NULL;
	snprintf(jti, sizeof jti, "id-%d", ++world->serial);
	json_object_object_add(claims, "iss", json_object_new_string(ISSUER));
	json_object_object_add(claims, "sub", json_object_new_string("ada"));
	json_object_object_add(claims, "aud", json_object_new_string(OURS));
	json_object_object_add(claims, "client_id", json_object_new_string("app"));
	json_object_object_add(claims, "jti", json_object_new_string(jti));
	json_object_object_add(claims, "iat", json_object_new_int64(world->now));
	json_object_object_add(claims, "exp", json_object_new_int64(world->now + 300));
	json_object_object_add(claims, "scope", json_object_new_string("read"));
	assert_non_null(change);
	json_object_object_foreach(change, name, value)
	{
		if (value)
			json_object_object_add(claims, name, json_object_get(value));
		else
			json_object_object_del(claims, name);
	}
	const char *text = json_object_to_json_string_ext(claims, JSON_C_TO_STRING_PLAIN);
	assert_int_equal(jws_sign(key, JOSE_ES256, type, "", text, strlen(text), &token, NULL), EMA_OK);
	json_object_put(change);
	json_object_put(claims);
	return token;
}

char *world_token(struct world *world, const char *changes)
{
	return world_sign(world, world->key, "oauth-id-jag+jwt", changes);
}

int world_decide(struct world *world, const char *service, char *token, ema_decision **out)
{
	ema_request *request = ema_request_new();
	assert_non_null(request);
	assert_int_equal(ema_request_set(request, EMA_REQUEST_CLIENT_ID, "app"), EMA_OK);
	assert_int_equal(ema_request_credential(request, EMA_CREDENTIAL_ID_JAG, token, strlen(token)), EMA_OK);
	int code = ema_decide(world->context, service, request, out);
	ema_request_free(request);
	free(token);
	return code;
}

int world_decide_known(struct world *world, const char *service, int expected, ema_decision **out)
{
	int code = EMA_STORE_UNAVAILABLE;
	/* What is revoked is read from a store by a thread, which the first decision does not wait for. */
	for (int i = 0; i < 600; i++) {
		if (out)
			*out = NULL;
		code = world_decide(world, service, world_token(world, "{}"), out);
		if (code != EMA_STORE_UNAVAILABLE || expected == EMA_STORE_UNAVAILABLE)
			break;
		if (out)
			ema_decision_free(*out);
		usleep(50000);
	}
	return code;
}

char *world_read(const struct world *world, const char *name)
{
	char path[128];
	struct buffer text = BUFFER_INIT(16 * 1024 * 1024);
	snprintf(path, sizeof path, "%s/%s", world->folder, name);
	FILE *file = fopen(path, "re");
	for (int c; file && (c = fgetc(file)) != EOF;)
		buffer_char(&text, (char)c);
	if (file)
		fclose(file);
	return buffer_take(&text);
}

void ears_hear(void *data, int level, const char *text)
{
	struct ears *ears = data;
	(void)level;
	pthread_mutex_lock(&ears->lock);
	buffer_printf(&ears->heard, "%s\n", text);
	pthread_mutex_unlock(&ears->lock);
}

void nothing_leaks(const char *where, const char *text, const char *secret, size_t piece)
{
	const char *found = strstr(text, CANARY);
	if (found)
		fail_msg("%s: ...%.80s", where, found > text + 40 ? found - 40 : text);
	for (size_t i = 0; secret && i + piece <= strlen(secret); i += piece)
		if (memmem(text, strlen(text), secret + i, piece))
			fail_msg("%s has a piece of a secret, from byte %zu on", where, i);
}
