#!lua
-- One batch of one shard: its writes, its feed entry and its new position, or nothing of them.
-- Redis does not roll a script back, so all that can refuse is checked before the first write. (Without flags, `#!lua`
-- makes Redis itself refuse the whole of it up front when it is out of memory, read-only or short of replicas.)
-- The writes are absolute (never INCR): to run them again gives the same state.
-- KEYS 1 position (string), 2 feed (stream), 3 names of the build's keys (set), then the keys the commands touch;
--      all start with the shard's hash tag
-- ARGV 1 position started from, 2 new position, 3 id of the feed entry, 4 its payload, 5 feed entries to keep,
--      6 bytes allowed, 7 msgpack list of commands {name, number of its key in KEYS, argument…}
-- Returns 1, or 0 where the position is another one: the caller forgets its memory, reloads, and seeks.
local KIND = {HSET = 'hash', HDEL = 'hash', ZADD = 'zset', ZREM = 'zset', ZREMRANGEBYSCORE = 'zset', DEL = 'any'}

local function refuse(why) return redis.error_reply('REFUSED ' .. why) end
local function isnumber(text) local n = tonumber(text); return n ~= nil and n == n end
local function isbound(text) return isnumber((string.gsub(text, '^%(', '', 1))) end

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if #ARGV[4] + #ARGV[7] > tonumber(ARGV[6]) then return refuse('TOOLARGE') end

local commands, kinds = cmsgpack.unpack(ARGV[7]), {}
for _, command in ipairs(commands) do
  local name, key, size = command[1], command[2], #command
  local kind = KIND[name]
  if not kind then return refuse('command ' .. tostring(name)) end
  if size > 1000 then return refuse(name .. ' with ' .. size .. ' parts') end
  if type(key) ~= 'number' or key < 4 or not KEYS[key] then return refuse(name .. ' on an undeclared key') end
  for i = 3, size do
    local sort = type(command[i])
    if sort ~= 'string' and sort ~= 'number' then return refuse(name .. ' with a ' .. sort) end
  end
  if name == 'DEL' and size ~= 2 or name ~= 'DEL' and size < 3
    or (name == 'HSET' or name == 'ZADD' or name == 'ZREMRANGEBYSCORE') and (size < 4 or size % 2 == 1)
    or name == 'ZREMRANGEBYSCORE' and not (size == 4 and isbound(command[3]) and isbound(command[4])) then
    return refuse(name .. ' with wrong arguments')
  end
  if name == 'ZADD' then
    for i = 3, size, 2 do if not isnumber(command[i]) then return refuse('ZADD with wrong arguments') end end
  end
  if kind ~= 'any' then
    if (kinds[key] or kind) ~= kind then return refuse('two kinds of command on ' .. KEYS[key]) end
    kinds[key] = kind
  end
end
kinds[2], kinds[3] = 'stream', 'set'
for key, kind in pairs(kinds) do
  local found = redis.call('TYPE', KEYS[key]).ok
  if found ~= kind and found ~= 'none' then return refuse(KEYS[key] .. ' is a ' .. found) end
  if key == 2 and found == kind then
    local about = redis.call('XINFO', 'STREAM', KEYS[2])
    for i = 1, #about, 2 do
      if about[i] == 'last-generated-id' and
        tonumber((string.match(about[i + 1], '^%d+'))) >= tonumber((string.match(ARGV[3], '^%d+'))) then
        return refuse('the feed is ahead of the position')
      end
    end
  end
end

for _, command in ipairs(commands) do redis.call(command[1], KEYS[command[2]], unpack(command, 3)) end
local names = {}
for key = 4, #KEYS do
  if not kinds[key] then redis.call('SREM', KEYS[3], KEYS[key]) else names[#names + 1] = KEYS[key] end
  if #names == 500 or key == #KEYS and #names > 0 then
    redis.call('SADD', KEYS[3], unpack(names))
    names = {}
  end
end
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[5], ARGV[3], 'd', ARGV[4])
redis.call('SET', KEYS[1], ARGV[2])
return 1
