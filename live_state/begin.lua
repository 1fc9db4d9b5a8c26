#!lua
-- Lets a shard's next build begin: empty, at its position, and pointed to. The one before is noted, to be unlinked.
-- KEYS 1 pointer, 2 position of the next build, 3 builds to be unlinked (set)
-- ARGV 1 label expected in the pointer ('' for none), 2 label of the next build, 3 its position
-- Returns 1; 0 where the pointer holds another label; -1 where such a build is there already (a pointer was lost).
local now = redis.call('GET', KEYS[1]) or ''
if now ~= ARGV[1] then return 0 end
if redis.call('EXISTS', KEYS[2]) == 1 then
  redis.call('SADD', KEYS[3], ARGV[2])
  return -1
end
if now ~= '' then redis.call('SADD', KEYS[3], now) end
redis.call('SET', KEYS[2], ARGV[3])
redis.call('SET', KEYS[1], ARGV[2])
return 1
