-- wrk: announces of random peers to a fixed set of torrents, named in the file in $INFOHASHES.

local hashes = {}
for line in io.lines(os.getenv("INFOHASHES")) do
  hashes[#hashes + 1] = line:gsub("..", "%%%0")
end
math.randomseed(7)
local peers = {}
for number = 1, 4096 do
  peers[number] = string.format("-SB0001-%012d", number)
end

function request()
  local number = math.random(#peers)
  return "GET /announce?info_hash=" .. hashes[math.random(#hashes)] .. "&peer_id=" .. peers[number]
    .. "&port=" .. 1024 + number .. "&uploaded=0&downloaded=0&left=1&compact=1&numwant=50"
    .. " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
end

function done(summary, latency)
  io.write(string.format("RESULT %d %d %d\n", summary.requests, summary.duration,
    latency:percentile(99)))
end
