-- Each request is a GET of a random line of a file; every nth creates a user instead.
-- Arguments: the path of users, n (0: none does), a prefix of e-mail addresses, a seed, the file.

local targets, sent = {}, 0
local users, every, prefix
local headers = { ["Content-Type"] = "application/json" }
local thread -- there is one: wrk runs with -t1

-- Global, because `done` runs in a state of its own and asks the thread's for them.
succeeded, refused, failed = 0, 0, 0

function setup(started)
  thread = started
end

function init(args)
  users, every, prefix = args[1], tonumber(args[2]), args[3]
  math.randomseed(tonumber(args[4]))
  for line in io.lines(args[5]) do
    targets[#targets + 1] = line
  end
end

function request()
  sent = sent + 1
  if every > 0 and sent % every == 0 then
    local user = '{"email":"%s-%d@example.com","full_name":"New User"}'
    return wrk.format("POST", users, headers, string.format(user, prefix, sent))
  end
  return wrk.format("GET", targets[math.random(#targets)])
end

function response(status)
  if status >= 200 and status < 300 then
    succeeded = succeeded + 1
  elseif status == 503 then
    refused = refused + 1
  else
    failed = failed + 1
  end
end

function done(summary, latency)
  local errors = summary.errors
  local unanswered = errors.connect + errors.read + errors.write + errors.timeout
  local figures = '{"seconds":%f,"succeeded":%d,"refused":%d,"failed":%d,"p50_ms":%f,"p99_ms":%f}\n'
  io.write(string.format(
    figures,
    summary.duration / 1e6,
    thread:get("succeeded"),
    thread:get("refused"),
    thread:get("failed") + unanswered,
    latency:percentile(50) / 1e3,
    latency:percentile(99) / 1e3
  ))
end
