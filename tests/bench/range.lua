-- wrk: random aligned ranges of one file, counted and reported on one line.
--
-- SIZE is the length of a range and LENGTH that of the file; SIZE 0 asks for the whole file.

local size, length = tonumber(os.getenv("SIZE")), tonumber(os.getenv("LENGTH"))
local status = size == 0 and 200 or 206
local threads = {}

function setup(thread)
    table.insert(threads, thread)
end

function init()
    wrong = 0
    math.randomseed(1)
    requests = {}
    for n = 1, 1024 do
        if size > 0 then
            local first = math.random(0, length / size - 1) * size
            wrk.headers["Range"] = string.format("bytes=%d-%d", first, first + size - 1)
        end
        requests[n] = wrk.format("GET")
    end
    next_request = 0
end

function request()
    next_request = next_request % #requests + 1
    return requests[next_request]
end

-- Only while warming up: looking at each response costs wrk more than the server.
if os.getenv("CHECK") then
    function response(got, headers, body)
        if got ~= status or #body ~= (size == 0 and length or size) then
            wrong = wrong + 1
        end
    end
end

function done(summary, latency)
    local errors = summary.errors
    local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
    for _, thread in ipairs(threads) do
        failed = failed + thread:get("wrong")
    end
    io.write(string.format("RESULT %d %d %d %d %d\n",
        summary.requests, summary.bytes, summary.duration, latency:percentile(99), failed))
end
