-- One subject's calls, counted together for all workers; hands a worker a lease of some of what is left.
--
-- The state is a sliding window like window.py's, in microseconds (whole numbers that a double holds):
--   u: {first, last, calls}: calls that were made, kept until the window has passed since `last`
--   h: holder -> {ends, calls}: leases under way, counted in full, and until the window has passed since `ends`
--   t: GCRA's theoretical arrival time; only limits with a burst use it
-- A holder tells what it used and what it keeps; the rest of its last lease is free again.
local now, window, calls, burst = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local life, grain, holder = tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7]
local used, kept, needed, ahead = tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10]), tonumber(ARGV[11])
if now == 0 then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000000 + tonumber(time[2])
end
local raw = redis.call('GET', KEYS[1])
local state = raw and cmsgpack.unpack(raw) or {u = {}, h = {}, t = 0}
local counted, holders, arrival = state.u, state.h, state.t
local most, step = calls + burst, window / calls

-- what the holder did with its last lease
local lease = holders[holder]
holders[holder] = nil
local ended = now
if lease and lease[1] < now then ended = lease[1] end
if used > 0 then
  local last = counted[#counted]
  if last and ended - last[1] <= grain then
    if ended > last[2] then last[2] = ended end
    last[3] = last[3] + used
  else
    counted[#counted + 1] = {ended, ended, used}
  end
end
arrival = math.max(now, arrival + (used + kept - (lease and lease[2] or 0)) * step)

-- what still counts
local taken, frees = kept, math.huge
local young = {}
for _, one in ipairs(counted) do
  if one[2] + window > now then
    young[#young + 1] = one
    taken = taken + one[3]
    frees = math.min(frees, one[2] + window)
  end
end
local comes_back = frees
for name, one in pairs(holders) do
  if one[1] + window > now then
    taken = taken + one[2]
    frees = math.min(frees, one[1] + window)
    comes_back = math.min(comes_back, one[1] > now and one[1] or one[1] + window)
  else
    holders[name] = nil
  end
end

-- what may be had: the need in full while there is enough, beyond it an eighth of what then remains
local free = most - taken
if burst > 0 then free = math.min(free, math.floor(most - (arrival - now) / step)) end
free = math.max(free, 0)
local granted = math.min(free, needed)
granted = granted + math.min(ahead, math.floor((free - granted) / 8))
arrival = arrival + granted * step
if kept + granted > 0 then holders[holder] = {now + life, kept + granted} end

local wait, reset = 0, 0
if free - granted <= 0 then
  if frees == math.huge then frees = now + life + window end
  wait, reset = math.min(comes_back, frees) - now, frees - now
  if burst > 0 then
    local earned = arrival - (most - 1) * step - now
    wait, reset = math.max(wait, earned), math.max(reset, earned)
  end
end
if #young == 0 and next(holders) == nil and arrival <= now then
  redis.call('DEL', KEYS[1])
else
  local lives = math.ceil((window + life + math.max(0, arrival - now)) / 1000) + 1000
  redis.call('SET', KEYS[1], cmsgpack.pack({u = young, h = holders, t = math.floor(arrival)}), 'PX', lives)
end
return {granted, math.ceil(wait), math.ceil(reset)}
