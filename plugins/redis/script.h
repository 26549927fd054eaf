/*
 * What runs inside the server, whole or not at all. An entry is a hash: t ("e", or "m" for an epoch), x (when it ends), n (how many
 * times it was put), v (its value; of an epoch 16 hex digits that sort as the number), q (whose quota it takes). What has no quota is in seq:own, too, so
 * that all of it can be told. Redis drops an
 * entry a while after its end, by its own clock; whether it has ended is told by the time that is handed in, the latest of which is
 * kept: a clock that was set back must not give a second life to what had ended. The first key is the record about the store, and
 * the first argument what server it was at last: a server that does not know it has lost something.
 */
#ifndef REDIS_SCRIPT_H
#define REDIS_SCRIPT_H

#define FORMAT "ema store 1"

/* With such a line the server refuses a script whole when memory is short; without, after its first write, it does not. */
#define SCRIPT_ADDS "#!lua\n"
/* And with these it runs even then: what reads alone, whatever keeps the server from writing; and what gives memory back. */
#define SCRIPT_READS "#!lua flags=no-writes\n"
#define SCRIPT_FREES "#!lua flags=allow-oom\n"

#define SCRIPT_BEGIN \
	"local m = redis.call('HMGET', KEYS[1], 'format', 'id', 'latest')\n" \
	"if m[1] ~= '" FORMAT "' or m[2] ~= ARGV[1] then return {'changed'} end\n" \
	"local latest, now = tonumber(m[3]) or 0, tonumber(ARGV[2])\n" \
	"if now > latest then latest = now; redis.call('HSET', KEYS[1], 'latest', ARGV[2]) end\n" \
	"local e = redis.call('HMGET', KEYS[2], 't', 'x', 'n', 'v', 'q')\n" \
	"local x, n = tonumber(e[2]), tonumber(e[3])\n" \
	"if e[1] and not (x and n and e[4]) or not e[1] and redis.call('EXISTS', KEYS[2]) == 1 then return {'odd'} end\n" \
	"local function leave() if e[5] then redis.call('ZREM', KEYS[5] .. e[5], ARGV[3]) end end\n" \
	"if e[1] and x <= latest then redis.call('DEL', KEYS[2]); leave(); e = {false} end\n" \
	"local function ends(at) redis.call('HSET', KEYS[2], 'x', at)\n" \
	"  redis.call('PEXPIRE', KEYS[2], string.format('%.0f', math.min(tonumber(at) - latest, 4e12) + 60000)) end\n" \
	"local function tell(at) local s = redis.call('INCR', KEYS[3])\n" \
	"  redis.call('ZREMRANGEBYSCORE', KEYS[3] .. ':own', '-inf', string.format('%.0f', latest))\n" \
	"  if at then redis.call('ZADD', KEYS[3] .. ':own', at, ARGV[3]) else redis.call('ZREM', KEYS[3] .. ':own', ARGV[3]) end\n" \
	"  redis.call('XADD', KEYS[4], 'MAXLEN', '4096', string.format('%.0f', s) .. '-1', 'k', ARGV[3]) end\n"

/* ARGV: id, now, key, expires, limit, value, quota ("-": none, "+NAME"), most of a quota. */
#define SCRIPT_PUT SCRIPT_ADDS SCRIPT_BEGIN \
	"if e[1] then\n" \
	"  if e[1] ~= 'e' or e[4] ~= ARGV[6] or n >= tonumber(ARGV[5]) then return {'exists'} end\n" \
	"  redis.call('HINCRBY', KEYS[2], 'n', 1)\n" \
	"  if tonumber(ARGV[4]) > x then ends(ARGV[4]); if e[5] then redis.call('ZADD', KEYS[5] .. e[5], ARGV[4], ARGV[3]) end end\n" \
	"else\n" \
	"  if tonumber(ARGV[4]) <= latest then return {'late'} end\n" \
	"  if ARGV[7] ~= '-' then\n" \
	"    local q = string.sub(ARGV[7], 2)\n" \
	"    redis.call('ZREMRANGEBYSCORE', KEYS[5] .. q, '-inf', string.format('%.0f', latest))\n" \
	"    if redis.call('ZCARD', KEYS[5] .. q) >= tonumber(ARGV[8]) then return {'full'} end\n" \
	"    redis.call('ZADD', KEYS[5] .. q, ARGV[4], ARGV[3]); redis.call('HSET', KEYS[2], 'q', q)\n" \
	"  end\n" \
	"  redis.call('HSET', KEYS[2], 't', 'e', 'n', 1, 'v', ARGV[6]); ends(ARGV[4])\n" \
	"end\n" \
	"if ARGV[7] == '-' then tell(redis.call('HGET', KEYS[2], 'x')) end\n" \
	"return {'ok'}"

/*
 * ARGV: id, now, key, expires, mark. It always writes: WAIT asks the replicas for what this connection wrote last, and of one that
 * wrote nothing for nothing.
 */
#define SCRIPT_RAISE SCRIPT_ADDS SCRIPT_BEGIN \
	"local function less(a, b) local p, q = tonumber(string.sub(a, 1, 8), 16), tonumber(string.sub(b, 1, 8), 16)\n" \
	"  if p ~= q then return p < q end\n" \
	"  return tonumber(string.sub(a, 9), 16) < tonumber(string.sub(b, 9), 16) end\n" \
	"local kept = ARGV[5]\n" \
	"if e[1] then\n" \
	"  if e[1] ~= 'm' then return {'exists'} end\n" \
	"  if #e[4] ~= 16 or string.find(e[4], '[^0-9a-f]') then return {'odd'} end\n" \
	"  local more = less(e[4], kept)\n" \
	"  if more then redis.call('HSET', KEYS[2], 'v', kept) else kept = e[4] end\n" \
	"  if tonumber(ARGV[4]) > x then ends(ARGV[4]) end\n" \
	"  if more then tell(redis.call('HGET', KEYS[2], 'x')) end\n" \
	"else\n" \
	"  if tonumber(ARGV[4]) <= latest then return {'late'} end\n" \
	"  redis.call('HSET', KEYS[2], 't', 'm', 'n', 1, 'v', kept); ends(ARGV[4]); tell(ARGV[4])\n" \
	"end\n" \
	"redis.call('HSET', KEYS[1], 'latest', string.format('%.0f', latest))\n" \
	"return {'ok', kept}"

/*
 * ARGV: id, now. KEYS: about, entries. An epoch has ended when the reader's own clock says so: that it counts for longer does no harm, and
 * that it ends because another's clock was ahead would give back what was revoked.
 */
#define SCRIPT_READ SCRIPT_READS \
	"local m = redis.call('HMGET', KEYS[1], 'format', 'id', 'latest')\n" \
	"if m[1] ~= '" FORMAT "' or m[2] ~= ARGV[1] then return {'changed'} end\n" \
	"local now = tonumber(ARGV[2])\n" \
	"local latest, r = math.max(tonumber(m[3]) or 0, now), {'ok'}\n" \
	"for i = 2, #KEYS do\n" \
	"  local e = redis.call('HMGET', KEYS[i], 't', 'x', 'n', 'v')\n" \
	"  local x = tonumber(e[2])\n" \
	"  if e[1] and not (x and tonumber(e[3]) and e[4]) or not e[1] and redis.call('EXISTS', KEYS[i]) == 1 then r[i] = {'odd'}\n" \
	"  elseif not e[1] or x <= (e[1] == 'm' and now or latest) then r[i] = {'absent'}\n" \
	"  else r[i] = {e[1], e[2], e[4]} end\n" \
	"end\n" \
	"return r"

/* ARGV: id, now, key. */
#define SCRIPT_REMOVE SCRIPT_FREES SCRIPT_BEGIN \
	"if not e[1] then return {'absent'} end\n" \
	"redis.call('DEL', KEYS[2]); leave(); tell()\n" \
	"return {'ok'}"

/* ARGV: id, sequence that was told last. KEYS: about, sequence, log. */
#define SCRIPT_CHANGES \
	"local m = redis.call('HMGET', KEYS[1], 'format', 'id')\n" \
	"if m[1] ~= '" FORMAT "' or m[2] ~= ARGV[1] then return {'changed'} end\n" \
	"local s, told = tonumber(redis.call('GET', KEYS[2]) or '0'), tonumber(ARGV[2])\n" \
	"local at = string.format('%.0f', s)\n" \
	"if told == s then return {'ok', at} end\n" \
	"local r = {'ok', at}\n" \
	"local function all() r = redis.call('ZRANGE', KEYS[2] .. ':own', 0, -1); table.insert(r, 1, 'ok'); table.insert(r, 2, at); return r end\n" \
	"if told < 0 or told > s or s - told > 4000 then return all() end\n" \
	"for _, one in ipairs(redis.call('XRANGE', KEYS[3], string.format('%.0f', told + 1) .. '-0', '+')) do r[#r + 1] = one[2][2] end\n" \
	"if #r ~= s - told + 2 then return all() end\n" \
	"return r"

/* ARGV: id, now, 1 if this process knows another id, how many milliseconds another server may still have been written to. */
#define SCRIPT_HELLO \
	"local m = redis.call('HMGET', KEYS[1], 'format', 'id', 'since', 'latest')\n" \
	"if m[1] and m[1] ~= '" FORMAT "' then return {'format'} end\n" \
	"local now = tonumber(ARGV[2])\n" \
	"if m[1] and m[2] == ARGV[1] and tonumber(m[3]) and ARGV[3] == '0' then return {'ok', m[3]} end\n" \
	"if (tonumber(m[4]) or 0) > now then now = tonumber(m[4]) end\n" \
	"local since = string.format('%.0f', now + tonumber(ARGV[4]))\n" \
	"redis.call('HSET', KEYS[1], 'format', '" FORMAT "', 'id', ARGV[1], 'since', since)\n" \
	"return {'ok', since}"

#endif
