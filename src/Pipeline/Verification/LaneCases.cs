using System.Text.Json;
using StreamDiff.Models.Diffusion;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Verification;

/// <summary>
/// Denoising cases through what products run: lanes, ticks, and ranks where they are asked for. Recorded draws are given by chunk and step,
/// positions as recorded, and the engine does as the published system where it otherwise differs on purpose
/// (<see cref="DenoiserOptions.AsPublished"/>). Every row of every tick is compared.
/// </summary>
internal sealed class LaneCases
{
    private readonly GoldenCase _golden;
    private readonly Comparison _compare;
    private readonly bool _batch;
    private readonly DenoiserOptions _options;
    private readonly List<JsonElement> _ticks;
    private int _fed;
    private int _rows;

    private LaneCases(GoldenCase golden, Comparison compare, bool batch)
    {
        (_golden, _compare, _batch) = (golden, compare, batch);
        _options = DenoisingCases.ReadOptions(golden.Config) with { AsPublished = true, OnOneLane = !batch };
        _ticks = [.. golden.Facts.GetProperty("steps").EnumerateArray()];
    }

    private int Steps => _options.Timesteps.Count;

    public static void Replay(GoldenCase golden, Comparison compare, bool batch) => new LaneCases(golden, compare, batch).Run();

    private void Run()
    {
        using var ticks = new CaseTicks(_golden, _golden.Weights);
        var queue = ticks.Queue;
        using var pool = queue.Runner.CreatePool(_options, _batch ? Steps : 1);
        using var prompt = queue.Runner.Encode(_golden.Tensor("prompt_embeds"));
        using var stream = new LaneStream(queue, pool, _options, new KeyedRecordedNoise(_golden, queue.Runner.Device, Draw), 0)
        {
            Advanced = Compare,
        };

        stream.Admit(Near("prepare_noisy"), new ChunkSettings(prompt, _options.Timesteps));
        Work(queue, stream, all: true);
        foreach (var tick in _ticks)
        {
            using var scope = NewDisposeScope();
            double[] timesteps = [tick.Number("first_timestep") ?? _options.Timesteps[0], .. _options.Timesteps.Skip(1)];
            stream.Admit(Near($"step_{_fed++:d3}.noisy"), new ChunkSettings(prompt, timesteps), tick.Needs("start_frame"));
            Work(queue, stream, all: false);
            if (pool.Caches is { } caches)
                DenoisingCases.CompareBookkeeping($"lanes step_{_fed - 1:d3}", tick, caches, caches.BlockCount, _compare);
        }
        Work(queue, stream, all: true);
        _compare.Exactly("rows", [_ticks.Count * Steps], [_rows]);
        if (pool.Caches is { } last)
            DenoisingCases.CompareCaches(_golden, last, last.BlockCount, _compare);

        Tensor Near(string name) => _golden.Tensor(name).to(queue.Runner.Device);
    }

    // One tick for each chunk that was fed, and no row that the recording ended before; on ranks as many ticks as may be in flight.
    private void Work(TickQueue queue, LaneStream stream, bool all)
    {
        while (true)
        {
            var rows = stream.Ready.Where(r => r.Chunk == 0 || TickOf(r.Chunk, r.Step) < _fed).ToList();
            rows.RemoveAll(r => r.Frames != rows[0].Frames);
            if (rows.Count > 0 && queue.HasRoom)
                queue.Issue([.. rows.Select(r => (stream, r))]);
            else if (queue.InFlight > 0 && (all || rows.Count > 0 || queue.Runner.MostInFlight == 1))
                queue.Collect(wait: true);
            else
                break;
        }
        while (stream.TryTake(out _, out var clean))
            clean.Dispose();
    }

    // Row r of tick t holds the chunk that came r ticks before, or, where none had come, the zeros that row r - t began with, which are
    // chunk t - r.
    private int TickOf(long chunk, int step) => !_batch ? (int)chunk - 1 : chunk > 0 ? (int)chunk - 1 + step : step + (int)chunk;

    // Each tick of the published system draws for all rows but the last, each chunk of one lane for all its steps but the first.
    private long Draw(long chunk, int step)
    {
        if (chunk == 0)
            return First(_golden.Facts, "prepare_draws", 0) + step - 1;
        var tick = TickOf(chunk, step - 1);
        return First(_ticks[tick], "noise_draws", (tick + 1L) * (Steps - 1)) + step - 1;
    }

    private static long First(JsonElement facts, string name, long otherwise) =>
        facts.TryGetProperty(name, out var range) && range.ValueKind == JsonValueKind.Array ? range[0].GetInt64() : otherwise;

    private void Compare(long chunk, int step, Tensor latents)
    {
        if (chunk == 0)
        {
            if (step == Steps - 1)
                _compare.Tensors("lanes prepare", _golden.Tensor("prepare_out"), latents);
            return;
        }
        _rows++;
        var tick = TickOf(chunk, step);
        if (_batch)
            _compare.Tensors($"lanes step_{tick:d3} row {step}", _golden.Tensor($"step_{tick:d3}.out").narrow(0, step, 1), latents);
        else if (step == Steps - 1)
            _compare.Tensors($"lanes step_{tick:d3}", _golden.Tensor($"step_{tick:d3}.out"), latents);
    }
}
