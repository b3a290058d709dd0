-- One worker's trade with the shared purse of one budget in one period: tells what it has spent, gets what it may
-- hold. All money is whole micro-dollars (below 2^53).
--
-- The purse: `base` is spent by nobody who still has a part here; for each member `s:` what it has spent since it
-- joined, `h:` what it holds beyond that, `e:` until when (ms). A member that does not come in time counts as
-- having spent all it held; `lower` gives back what the ledger later shows was not.
--
-- ARGV: member, epoch, has joined (0/1), spent, reserved, need, want, limit, lease ms, truth (-1: not known),
-- lower, version that `lower` goes with, seconds to keep, now in ms (0: the server's clock)
-- Answer: {state, hold, total, version, epoch}; state is held, join (begin anew, with nothing spent) or unknown.
local key = KEYS[1]
local member, epoch, joined = ARGV[1], ARGV[2], ARGV[3] == '1'
local spent, reserved, need, want = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local limit, lease, truth = tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])
local lower, lower_version, keep, now = tonumber(ARGV[11]), ARGV[12], tonumber(ARGV[13]), tonumber(ARGV[14])
if now == 0 then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end

local purse = {}
local flat = redis.call('HGETALL', key)
for i = 1, #flat, 2 do purse[flat[i]] = flat[i + 1] end
if not purse.epoch then
  if truth < 0 then return {'unknown', 0, 0, 0, ''} end
  purse = {epoch = epoch .. ':' .. now, base = truth, version = 0}
end
if joined and (purse.epoch ~= epoch or not purse['e:' .. member]) then
  return {'join', 0, 0, 0, purse.epoch}
end

local base, version = tonumber(purse.base), tonumber(purse.version)
local others_spent, others_held = 0, 0
for field, value in pairs(purse) do
  local who = string.match(field, '^e:(.*)$')
  if who and who ~= member then
    local theirs, held = tonumber(purse['s:' .. who]), tonumber(purse['h:' .. who])
    if tonumber(value) < now then
      base, version = base + theirs + held, version + 1
      redis.call('HDEL', key, 'e:' .. who, 's:' .. who, 'h:' .. who)
    else
      others_spent, others_held = others_spent + theirs, others_held + held
    end
  end
end
if lower > 0 and tonumber(lower_version) == version then
  base, version = base - lower, version + 1
end
local total = base + others_spent + spent
if truth > total + others_held then
  base, version = base + truth - total - others_held, version + 1
  total = base + others_spent + spent
end

local free = math.max(limit - total - others_held, 0)
local hold = math.min(want, math.floor(free / 2))
if hold < need then hold = math.min(need, free) end
if need > free then hold = 0 end
hold = math.max(hold, reserved)
local text = function(number) return string.format('%.0f', number) end
redis.call('HSET', key, 'epoch', purse.epoch, 'base', text(base), 'version', text(version),
  's:' .. member, text(spent), 'h:' .. member, text(hold), 'e:' .. member, text(now + lease))
redis.call('EXPIRE', key, keep)
return {'held', hold, total, version, purse.epoch}
