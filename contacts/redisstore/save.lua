-- Replaces a guest if its version is the one that was read, adds to its
-- transcript and moves the end of life of both. Answers 1, or 0 if somebody else
-- wrote in between.
-- KEYS guest, transcript
-- ARGV version read (8 bytes; empty: no guest), record, milliseconds to live,
--      lines to keep, new lines ...
if redis.call('GETRANGE', KEYS[1], 0, 7) ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
if ARGV[1] == '' then
  redis.call('UNLINK', KEYS[2]) -- of an earlier life
end
if #ARGV > 4 then
  redis.call('RPUSH', KEYS[2], unpack(ARGV, 5))
  redis.call('LTRIM', KEYS[2], -ARGV[4], -1)
end
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return 1
