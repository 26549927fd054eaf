-- Asks emad about a request and its message, for mcp-haproxy.cfg: http-request lua.ema URL. What is not a permit is the answer
-- to the client; where emad cannot be asked, nobody comes in.
local names = {
	"x-ema-subject", "x-ema-provider", "x-ema-tenant", "x-ema-client", "x-ema-email", "x-ema-person", "x-ema-actor",
	"x-ema-expires", "x-ema-groups", "x-ema-roles", "x-ema-scopes", "x-ema-accounts",
}
-- Of the connection between client and proxy, or made anew.
local skipped = {
	["connection"] = true, ["content-length"] = true, ["host"] = true, ["keep-alive"] = true, ["te"] = true, ["trailer"] = true,
	["transfer-encoding"] = true, ["upgrade"] = true, ["expect"] = true, ["x-original-method"] = true, ["x-original-uri"] = true,
}

local function refuse(txn, status, headers, body)
	local reply = txn:reply()
	reply:set_status(status)
	for _, name in ipairs({ "www-authenticate", "content-type", "cache-control", "retry-after", "x-request-id" }) do
		for _, value in pairs(headers and headers[name] or {}) do
			reply:add_header(name, value)
		end
	end
	if body then
		reply:set_body(body)
	end
	txn:done(reply)
end

core.register_action("ema", { "http-req" }, function(txn, url)
	local method = txn.sf:method()
	local asked = { ["x-original-method"] = { method }, ["x-original-uri"] = { txn.sf:pathq() } }
	for name, values in pairs(txn.http:req_get_headers()) do
		if not skipped[name] then
			asked[name] = {}
			for i = 0, #values do
				asked[name][#asked[name] + 1] = values[i]
			end
		end
	end
	local body
	if method == "POST" then
		body = txn.sf:req_body() or ""
		-- A part of a message could say something else than the whole.
		if #body ~= (tonumber(txn.sf:req_hdr("content-length")) or 0) then
			return refuse(txn, 413)
		end
	end
	local client = core.httpclient()
	local question = { url = url, headers = asked, timeout = 10000 }
	local answer
	if body and body ~= "" then
		question.body = body
		answer = client:post(question)
	elseif body then
		-- An empty message is one too, and no request without any.
		return refuse(txn, 400)
	else
		answer = client:get(question)
	end
	if not answer or answer.status ~= 200 then
		local status = answer and answer.status or 0
		if status < 400 or status > 599 then
			status = 503
		end
		return refuse(txn, status, answer and answer.headers, answer and answer.body)
	end
	for _, name in ipairs(names) do
		local value = answer.headers[name] and answer.headers[name][0] or ""
		txn.http:req_set_header(name, value)
	end
	txn:set_var("txn.ema", 1)
end, 1)
