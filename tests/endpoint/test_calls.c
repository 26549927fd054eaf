/*
 * A disk that is full or broken, at each call that writes, syncs, opens or names: an error of ours or a refusal, never a grant that
 * is nowhere written; and once the disk is good again all goes on, with what was acknowledged, and with nothing left behind.
 */
#define _GNU_SOURCE
#include "desk.h"

#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit.h"
#include "context.h"
#include "keyring.h"

#include "../calls.h"

#define GRANTS 512
#define IDS 48

/* Each call once, in each way; how many there are at least, short ones last. */
#define EACH_CALL(mode, n, ...) \
	for (int mode = 0; mode < CALLS_MODES; mode++) \
		EACH_N(n, going, ((const long[CALLS_MODES]){ __VA_ARGS__ })[mode])

/* Each process begins a little later than the one before: what that redeemed last may not come again. */
static _Atomic int64_t moved;

static int64_t later_wall(void *data)
{
	(void)data;
	return clock_wall(&clock_system) + atomic_load(&moved);
}

static int64_t later_monotonic(void *data)
{
	(void)data;
	return clock_monotonic(&clock_system) + atomic_load(&moved);
}

static const struct clock later = { later_wall, later_monotonic, NULL };

static char *token_now(struct desk *desk, const char *changes)
{
	desk->world.now = later_wall(NULL) / 1000 + 10;
	return world_token(&desk->world, changes);
}

static void conf_of(char out[1024], const char *more, const char *sink)
{
	snprintf(out, 1024, "state_dir = \"%%FOLDER%%/state\"; publish = \"%%FOLDER%%/out\"; rates = { address = 0; subject = 0; };\n%s\nSINK: %s", more, sink);
}

static void path_of(const struct desk *desk, const char *name, char out[128])
{
	snprintf(out, 128, "%s/%s", desk->world.folder, name);
}

/* What no process has used yet. */
static void fresh_state(struct desk *desk)
{
	char command[512], path[128];
	const char *folder = desk->world.folder;
	ema_free(desk->world.context);
	desk->world.context = NULL;
	snprintf(command, sizeof command, "rm -rf '%s/state' '%s/out' '%s/store' '%s/audit.jsonl'", folder, folder, folder, folder);
	assert_int_equal(system(command), 0);
	path_of(desk, "state", path);
	assert_int_equal(mkdir(path, 0700), 0);
}

static void new_context(struct desk *desk)
{
	ema_free(desk->world.context);
	desk->world.context = ema_new();
	assert_non_null(desk->world.context);
	ema_set_server(desk->world.context);
	atomic_fetch_add(&moved, 2000);
	desk->world.context->clock = later;
	assert_int_equal(ema_set_plugin_path(desk->world.context, BUILDDIR "/plugins/.libs"), EMA_OK);
}

static int load(struct desk *desk)
{
	char path[128];
	path_of(desk, "ema.conf", path);
	return ema_load(desk->world.context, path);
}

static void loads(struct desk *desk)
{
	if (load(desk))
		fail_msg("%s", ema_error(desk->world.context));
}

/* ema.conf is as asked, nothing is in place. */
static void begin(struct desk *desk, const char *more, const char *sink)
{
	char conf[1024], path[128];
	desk_open(desk, NULL, NULL);
	fresh_state(desk);
	new_context(desk);
	conf_of(conf, more, sink);
	if (desk_load(desk, conf, NULL))
		fail_msg("%s", ema_error(desk->world.context));
	fresh_state(desk);
	path_of(desk, "state", path);
	new_context(desk);
}

/* The key that signs now is where others look for it. */
static void keys_are_public(struct desk *desk)
{
	static const char *const places[] = { "state/jwks.json", "out/jwks.json" };
	ema_keys *keys = NULL;
	char path[128];
	path_of(desk, "ema.conf", path);
	assert_int_equal(ema_keys_list(desk->world.context, path, &keys), EMA_OK);
	assert_non_null(ema_key_id(keys, 0));
	for (size_t i = 0; ema_key_id(keys, i); i++)
		for (size_t j = 0; j < sizeof places / sizeof *places; j++) {
			char *text = world_read(&desk->world, places[j]);
			if (!text || !strstr(text, ema_key_id(keys, i)))
				fail_msg("%s lacks %s key %s", places[j], ema_key_state(keys, i), ema_key_id(keys, i));
			free(text);
		}
	ema_keys_free(keys);
}

/* A token of ours; free() it. */
static char *redeems(struct desk *desk)
{
	desk_redeem(desk, token_now(desk, "{}"), NULL, "https://mcp.example/svc");
	if (desk->status != 200)
		fail_msg("%d %s", desk->status, desk->body);
	return strdup(desk_text(desk, "/access_token"));
}

static void chain_holds(struct desk *desk)
{
	char path[128], state[128], *said = NULL;
	path_of(desk, "audit.jsonl", path);
	path_of(desk, "state", state);
	if (ema_audit_verify((const char *const[]){ path, NULL }, (const char *const[]){ state, NULL }, NULL, &said))
		fail_msg("%s", said);
	ema_text_free(said);
}

/* A sink that rests after a failure tries again. */
static void settle(struct desk *desk)
{
	audit_reopen(desk->world.context->audit);
	assert_int_equal(audit_drain(desk->world.context->audit, 20000), EMA_OK);
}

/* Keys, a token, its check; and again after a restart, with nothing left of what did not become whole. */
static void is_whole(struct desk *desk, int descriptors, int restart)
{
	settle(desk);
	char *token = redeems(desk), *trail;
	assert_int_equal(desk_check(desk, "svc", token, "tools/call", "get_a", NULL, NULL), EMA_OK);
	keys_are_public(desk);
	ema_free(desk->world.context);
	desk->world.context = NULL;
	assert_int_equal(calls_descriptors(), descriptors);
	if (calls_left(desk->world.folder))
		fail_msg("left behind: %s", calls_left(desk->world.folder));
	if (!restart) {
		free(token);
		return;
	}
	new_context(desk);
	loads(desk);
	int code = EMA_STORE_UNAVAILABLE;
	/* What is revoked is read from a store by a thread. */
	for (int i = 0; i < 600 && code == EMA_STORE_UNAVAILABLE; i++) {
		if (i)
			usleep(20000);
		code = desk_check(desk, "svc", token, "tools/call", "get_a", NULL, NULL);
	}
	assert_int_equal(code, EMA_OK);
	assert_int_equal(audit_drain(desk->world.context->audit, 20000), EMA_OK);
	chain_holds(desk);
	/* A chain that began with a full disk begins as any other. */
	trail = world_read(&desk->world, "audit.jsonl");
	assert_null(strstr(trail, "\"state\":\"unknown\""));
	assert_null(strstr(trail, "spool-torn"));
	free(trail);
	free(token);
}

/* JWT-80 */
static void loading(void **state)
{
	struct desk desk;
	(void)state;
	begin(&desk, "durability = \"disk\"; spool_size = \"1MiB\";", "fsync = \"always\";");
	EACH_CALL(mode, n, 50, 50, 7) {
		fresh_state(&desk);
		int descriptors = calls_descriptors();
		new_context(&desk);
		calls_fail(CALLS_DISK, n, (enum calls_mode)mode);
		int code = load(&desk);
		going = calls_good() > 0;
		if (code && (!going || code != EMA_CONFIG || !*ema_error(desk.world.context)))
			fail_msg("call %ld (%d): %s: %s", n, mode, ema_code_name(code), ema_error(desk.world.context));
		if (code) {
			assert_int_equal(world_decide(&desk.world, "svc", token_now(&desk, "{}"), NULL), EMA_CONFIG);
			loads(&desk);
		}
		is_whole(&desk, descriptors, !going || n % 3 == 0);
	}
	CALLS_HIT("mkdir", "open", "openat", "posix_fallocate", "mmap", "write", "pwrite", "fsync", "link", "rename", "renameat");
	desk_close(&desk);
}

/* A spool of another size: the chain goes on in the one that could be made. */
static void resizing(void **state)
{
	struct desk desk;
	char conf[2][1024];
	(void)state;
	begin(&desk, "spool_size = \"1MiB\";", "");
	int descriptors = calls_descriptors();
	conf_of(conf[0], "spool_size = \"1MiB\";", "");
	conf_of(conf[1], "spool_size = \"2MiB\";", "");
	loads(&desk);
	EACH_CALL(mode, n, 14, 14, 0) {
		is_whole(&desk, descriptors, 1);
		new_context(&desk);
		calls_fail(CALLS_OPEN | CALLS_ROOM | CALLS_MAP, n, (enum calls_mode)mode);
		int code = desk_load(&desk, conf[n & 1], NULL);
		going = calls_good() > 0;
		if (code && (!going || code != EMA_CONFIG || !*ema_error(desk.world.context)))
			fail_msg("call %ld (%d): %s: %s", n, mode, ema_code_name(code), ema_error(desk.world.context));
		if (code)
			loads(&desk);
	}
	CALLS_HIT("open", "openat", "posix_fallocate", "mmap");
	is_whole(&desk, descriptors, 1);
	char *trail = world_read(&desk.world, "audit.jsonl");
	assert_null(strstr(trail, "\"state\":\"spool-lost\""));
	free(trail);
	desk_close(&desk);
}

/* Until all is with the sink, or that says that it cannot. */
static int delivers(struct audit *audit)
{
	int down = 0;
	for (int i = 0; i < 12000 && !down && audit_drain(audit, 5) != EMA_OK; i++)
		down = audit_sink_is_down(audit, "trail");
	return !down;
}

static void reloading(void **state)
{
	struct desk desk;
	char conf[2][1024];
	(void)state;
	begin(&desk, "", "fsync = \"always\";");
	int descriptors = calls_descriptors();
	conf_of(conf[0], "", "fsync = \"always\";");
	conf_of(conf[1], "", "fsync = \"batch\";");
	loads(&desk);
	EACH_CALL(mode, n, 9, 9, 3) {
		char *before = redeems(&desk);
		calls_fail(CALLS_DISK, n, (enum calls_mode)mode);
		int code = desk_load(&desk, conf[n & 1], NULL);
		delivers(desk.world.context->audit);
		going = calls_good() > 0;
		if (code && (!going || code != EMA_CONFIG || !*ema_error(desk.world.context)))
			fail_msg("call %ld (%d): %s: %s", n, mode, ema_code_name(code), ema_error(desk.world.context));
		settle(&desk);
		assert_int_equal(desk_check(&desk, "svc", before, "tools/call", "get_a", NULL, NULL), EMA_OK);
		free(before);
	}
	CALLS_HIT("open", "pwrite", "write", "fdatasync");
	is_whole(&desk, descriptors, 1);
	desk_close(&desk);
}

/* JWT-79, JWT-80: a key that did not get onto the disk signs nothing, and one that signs can be had. */
static void rotating(void **state)
{
	struct desk desk;
	char path[128];
	(void)state;
	begin(&desk, "", "");
	int descriptors = calls_descriptors();
	loads(&desk);
	path_of(&desk, "ema.conf", path);
	for (int now = 0; now < 2; now++)
		EACH_CALL(mode, n, 36, 36, 6) {
			char *before = redeems(&desk);
			calls_fail(CALLS_DISK, n, (enum calls_mode)mode);
			int code = ema_keys_rotate(desk.world.context, path, now);
			keyring_tick(desk.world.context->keyring);
			going = calls_good() > 0;
			settle(&desk);
			if (code && (!going || !strstr(ema_error(desk.world.context), "keys: ")))
				fail_msg("call %ld (%d): %s: %s", n, mode, ema_code_name(code), ema_error(desk.world.context));
			keyring_tick(desk.world.context->keyring);
			int still = desk_check(&desk, "svc", before, "tools/call", "get_a", NULL, NULL);
			if (now && !code)
				assert_int_equal(still, EMA_UNKNOWN_KEY);
			else if (!now)
				assert_int_equal(still, EMA_OK);
			free(before);
			char *after = redeems(&desk);
			keys_are_public(&desk);
			assert_int_equal(desk_check(&desk, "svc", after, "tools/call", "get_a", NULL, NULL), EMA_OK);
			free(after);
			/* A next key is made once only. */
			if (!now)
				assert_int_equal(ema_keys_rotate(desk.world.context, path, 1), EMA_OK);
			keyring_tick(desk.world.context->keyring);
		}
	CALLS_HIT("mkdir", "openat", "write", "fsync", "renameat");
	is_whole(&desk, descriptors, 1);
	desk_close(&desk);
}

/* Of an answer or a decision that granted: to be found in the trail. */
struct granted {
	char ids[GRANTS][IDS];
	size_t count;
};

static void grant(struct granted *granted, const char *id)
{
	assert_true(*id && granted->count < GRANTS);
	snprintf(granted->ids[granted->count++], IDS, "%s", id);
}

/* Redeems and checks; refused: with our own outage, and nothing else. */
static void ask(struct desk *desk, struct granted *granted, const char *token, int must)
{
	ema_decision *decision = NULL;
	desk_redeem(desk, token_now(desk, "{}"), NULL, "https://mcp.example/svc");
	if (desk->status == 200)
		grant(granted, desk_header(desk, "X-Request-ID"));
	else if (must > 0 || desk->status != 503)
		fail_msg("%d %s", desk->status, desk->body);
	int code = desk_check(desk, "svc", token, "tools/call", "get_a", NULL, &decision);
	if (!code)
		grant(granted, ema_decision_id(decision));
	else if (must > 0 || code != EMA_AUDIT_UNAVAILABLE || !*ema_decision_operator_line(decision))
		fail_msg("%s", ema_decision_operator_line(decision));
	if (must < 0 && (!code || desk->status == 200))
		fail_msg("granted without a sink");
	ema_decision_free(decision);
}

static void audited(const char *settings, const char *sink, int deny)
{
	static struct granted granted;
	struct desk desk;
	granted.count = 0;
	begin(&desk, settings, sink);
	int descriptors = calls_descriptors();
	loads(&desk);
	struct audit *audit = desk.world.context->audit;
	char *token = redeems(&desk);
	EACH_CALL(mode, n, deny ? 8 : 4, deny ? 8 : 4, 3) {
		/* The sink opens its file anew with this one. */
		audit_reopen(audit);
		calls_fail(CALLS_DISK | CALLS_CUT, n, (enum calls_mode)mode);
		ask(&desk, &granted, token, deny ? 0 : 1);
		const int down = !delivers(audit);
		if (down && mode == CALLS_STAY)
			ask(&desk, &granted, token, deny ? -1 : 1);
		going = calls_good() > 0;
		settle(&desk);
		ask(&desk, &granted, token, 1);
	}
	CALLS_HIT("pwrite", "write", "fdatasync", "ftruncate");
	settle(&desk);
	char *trail = world_read(&desk.world, "audit.jsonl");
	for (size_t i = 0; i < granted.count; i++)
		if (!strstr(trail, granted.ids[i]))
			fail_msg("%zu of %zu grants, %s, is not in the trail", i, granted.count, granted.ids[i]);
	free(trail);
	free(token);
	is_whole(&desk, descriptors, 1);
	desk_close(&desk);
}

static void redeeming_and_checking(void **state)
{
	(void)state;
	audited("durability = \"disk\";", "fsync = \"always\"; on_failure = \"deny\";", 1);
}

static void with_records_that_may_be_late(void **state)
{
	(void)state;
	audited("", "fsync = \"batch\"; on_failure = \"continue\";", 0);
}

/* REV-18: what was answered OK is in force, at once and after a restart, whatever the disk did meanwhile. */
static void revoking(void **state)
{
	struct desk desk;
	char name[64], changes[64];
	int number = 0;
	(void)state;
	begin(&desk, "store = { plugin = \"lmdb\"; path = \"%FOLDER%/store\"; };", "");
	int descriptors = calls_descriptors();
	loads(&desk);
	EACH_CALL(mode, n, 11, 11, 12) {
		for (int again = 0; again < 2; again++) {
			char *text = NULL;
			snprintf(name, sizeof name, "idp/-/u%d", ++number);
			snprintf(changes, sizeof changes, "{\"sub\":\"u%d\"}", number);
			const struct ema_revocation what = { .size = sizeof what, .kind = "subject", .name = name, .before = later_wall(NULL) / 1000 };
			if (!again)
				calls_fail(CALLS_DISK | CALLS_CUT, n, (enum calls_mode)mode);
			int code = ema_revoke(desk.world.context, &what, &text);
			if (!again) {
				going = calls_good() > 0;
				settle(&desk);
			}
			if (code && (again || !going || (code != EMA_STORE_UNAVAILABLE && code != EMA_STORE_FULL && code != EMA_AUDIT_UNAVAILABLE) || !text || !*text))
				fail_msg("call %ld (%d): %s: %s", n, mode, ema_code_name(code), text);
			ema_text_free(text);
			if (code)
				continue;
			assert_int_equal(world_decide(&desk.world, "svc", token_now(&desk, changes), NULL), EMA_REVOKED);
			if (again && n % 3)
				continue;
			new_context(&desk);
			loads(&desk);
			desk.world.now = later_wall(NULL) / 1000 + 10;
			assert_int_equal(world_decide_known(&desk.world, "svc", EMA_OK, NULL), EMA_OK);
			assert_int_equal(world_decide(&desk.world, "svc", token_now(&desk, changes), NULL), EMA_REVOKED);
		}
	}
	CALLS_HIT("pwrite", "writev", "fdatasync");
	is_whole(&desk, descriptors, 1);
	desk_close(&desk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loading),
		cmocka_unit_test(resizing),
		cmocka_unit_test(reloading),
		cmocka_unit_test(rotating),
		cmocka_unit_test(redeeming_and_checking),
		cmocka_unit_test(with_records_that_may_be_late),
		cmocka_unit_test(revoking),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
