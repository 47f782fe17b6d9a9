using StreamDiff.Models.Diffusion;
using StreamDiff.Models.KvCache;
using StreamDiff.Models.Tests.Cuda;
using StreamDiff.Models.Wan;
using StreamDiff.Models.Wan.Layers;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Tests.Wan;

public sealed class CausalWanModelTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Blocks_SplitOverTwoRanges_GiveTheSameAsOne(bool ownKernels)
    {
        using var inference = inference_mode();
        using var scope = NewDisposeScope();
        using var whole = Toy.Model();
        using var first = Toy.Model(..1);
        using var second = Toy.Model(1..);
        using var kernels = FusedTickTests.For(Toy.Config);
        if (ownKernels)
            foreach (var range in (CausalWanModel[])[first, second])
                range.Use(kernels);
        using var prompts = new Both(Toy.Prompt(whole), Toy.Prompt(first), Toy.Prompt(second));
        var geometry = Toy.Options(1, KeyRotation.Relative).Geometry;
        using var caches = new Caches(whole.CreateCache(1, geometry, KeyRotation.Relative),
            first.CreateCache(1, geometry, KeyRotation.Relative), second.CreateCache(1, geometry, KeyRotation.Relative));
        for (var frame = 0; frame < 10; frame++)
        {
            var latents = Toy.Latents(1, (ulong)frame);
            var expected = whole.Forward(latents, TickAt(frame, prompts.Whole), caches.Whole);
            // In place, as ranks do it.
            var tokens = first.Embed(latents);
            Assert.Same(tokens, first.Blocks(tokens, TickAt(frame, prompts.First), caches.First));
            Assert.Same(tokens, second.Blocks(tokens, TickAt(frame, prompts.Second), caches.Second));
            var actual = second.Head(tokens, TickAt(frame, prompts.Second));
            Assert.True(Distance(expected, actual) < 1e-5);
        }
    }

    /// <summary>A tick that fails at its very end, as where memory is exhausted, comes again as if it had never been.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Forward_FailsAfterItsBlocksAndComesAgain_GivesTheSame(bool ownKernels)
    {
        using var inference = inference_mode();
        using var scope = NewDisposeScope();
        using var model = Toy.Model();
        using var kernels = FusedTickTests.For(Toy.Config);
        if (ownKernels)
            model.Use(kernels);
        using var prompt = Toy.Prompt(model);
        // Sinks that nearly every chunk replaces.
        var geometry = Toy.Options(1, KeyRotation.Relative, threshold: 0.8).Geometry;
        using var smooth = model.CreateCache(1, geometry, KeyRotation.Relative, rollsByFrame: true);
        using var bumpy = model.CreateCache(1, geometry, KeyRotation.Relative, rollsByFrame: true);
        var frame = 0;
        for (var chunk = 0; chunk < 16; chunk++)
        {
            var frames = chunk % 5 == 4 ? 2 : 1;
            var latents = Toy.Latents(frames, (ulong)chunk);
            var tick = TickAt(frame, prompt, frames);
            frame += frames;
            var expected = model.Forward(latents, tick, smooth);
            Assert.Throws<IOException>(() => model.Forward(latents, tick, bumpy, _ => throw new IOException()));
            Assert.True(Distance(expected, model.Forward(latents, tick, bumpy)) < 1e-6, $"chunk {chunk}");
        }
    }

    [Fact]
    public void Relative_ThousandFramesLater_GivesTheSame()
    {
        using var inference = inference_mode();
        using var scope = NewDisposeScope();
        using var model = Toy.Model();
        using var prompt = Toy.Prompt(model);
        var geometry = Toy.Options(1, KeyRotation.Relative).Geometry;
        using var early = model.CreateCache(1, geometry, KeyRotation.Relative);
        using var late = model.CreateCache(1, geometry, KeyRotation.Relative);
        for (var frame = 0; frame < 20; frame++)
        {
            var latents = Toy.Latents(1, (ulong)frame);
            var a = model.Forward(latents, TickAt(frame, prompt), early);
            // The window is full from frame 6 on; from there only the order matters, not the number.
            var b = model.Forward(latents, TickAt(frame < 6 ? frame : frame + 1000, prompt), late);
            Assert.True(Distance(a, b) < 1e-5);
        }
    }

    [Fact]
    public void Relative_BeforeTheWindowIsFull_EqualsPublished()
    {
        using var inference = inference_mode();
        using var scope = NewDisposeScope();
        using var model = Toy.Model();
        using var prompt = Toy.Prompt(model);
        var geometry = new CacheGeometry(Toy.Rows * Toy.Columns, 8, 2, -1);
        using var relative = model.CreateCache(1, geometry, KeyRotation.Relative);
        using var published = model.CreateCache(1, geometry, KeyRotation.Published);
        for (var frame = 0; frame < 8; frame++)
        {
            var latents = Toy.Latents(1, (ulong)frame);
            var one = model.Forward(latents, TickAt(frame, prompt), relative);
            var other = model.Forward(latents, TickAt(frame, prompt), published);
            Assert.True(Distance(one, other) < 1e-5);
        }
    }

    [Fact]
    public void Relative_ThousandVideoFrames_StaysFinite() => StaysFinite(chunks: 250);

    [Fact]
    [Trait("Category", "Slow")]
    public void Relative_SixThousandVideoFrames_StaysFinite() => StaysFinite(chunks: 1500);

    private static void StaysFinite(int chunks)
    {
        using var inference = inference_mode();
        using var stream = new OneStream(KeyRotation.Relative, refresh: 50);
        for (var chunk = 0; chunk < chunks; chunk++)
        {
            using var latents = Toy.Latents(chunk == 0 ? 2 : 1, (ulong)chunk);
            using var clean = stream.Next(latents);
            using var finite = clean.isfinite().all();
            Assert.True(finite.item<bool>());
        }
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Published_PastItsTable_RefreshesOrSaysSo()
    {
        using var inference = inference_mode();
        using var refreshing = new OneStream(KeyRotation.Published, refresh: 50);
        using var endless = new OneStream(KeyRotation.Published, refresh: null);
        using var latents = Toy.Latents(1, 0);
        for (var chunk = 0; chunk < CausalWanModel.PublishedTableFrames; chunk++)
        {
            refreshing.Next(latents).Dispose();
            endless.Next(latents).Dispose();
        }
        refreshing.Next(latents).Dispose();
        Assert.Contains("--rope relative", Assert.Throws<ModelException>(() => endless.Next(latents)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Forward_BFloat16_LiesNearFloat32()
    {
        using var inference = inference_mode();
        using var scope = NewDisposeScope();
        using var exact = Toy.Model();
        using var coarse = Toy.Model(type: ScalarType.BFloat16);
        using var exactPrompt = Toy.Prompt(exact);
        using var coarsePrompt = Toy.Prompt(coarse);
        var geometry = Toy.Options(1, KeyRotation.Relative).Geometry;
        using var exactCache = exact.CreateCache(1, geometry, KeyRotation.Relative);
        using var coarseCache = coarse.CreateCache(1, geometry, KeyRotation.Relative);
        var latents = Toy.Latents(1, 9);
        var distance = Distance(
            exact.Forward(latents, TickAt(0, exactPrompt), exactCache), coarse.Forward(latents, TickAt(0, coarsePrompt), coarseCache));
        Assert.InRange(distance, 1e-6, 0.1);
    }

    private static Tick TickAt(long frame, PromptContext prompt, int frames = 1) => new()
    {
        Rows = [new TickRow(0, frame * Toy.Rows * Toy.Columns)],
        Timesteps = [700],
        Frames = frames,
        GridRows = Toy.Rows,
        GridColumns = Toy.Columns,
        Prompts = [prompt],
    };

    /// <summary>A stream of one step, chunk after chunk.</summary>
    private sealed class OneStream : IDisposable
    {
        private readonly CausalWanModel _model = Toy.Model();
        private readonly PromptContext _prompt;
        private readonly LocalTickRunner _runner;
        private readonly TickQueue _ticks;
        private readonly LanePool _pool;
        private readonly KeyedNoise _noise = new(CPU);
        private readonly LaneStream _stream;

        public OneStream(KeyRotation rotation, int? refresh)
        {
            var options = Toy.Options(1, rotation, refresh: refresh);
            _prompt = Toy.Prompt(_model);
            _runner = new LocalTickRunner(_model);
            _ticks = new TickQueue(_runner);
            _pool = _runner.CreatePool(options, 1);
            _stream = new LaneStream(_ticks, _pool, options, _noise, 1);
        }

        public Tensor Next(Tensor noisy)
        {
            _stream.Admit(noisy, new ChunkSettings(_prompt, [700]));
            _ticks.Issue([(_stream, _stream.Ready[0])]);
            _ticks.Collect(wait: true);
            Assert.True(_stream.TryTake(out _, out var clean));
            return clean;
        }

        public void Dispose()
        {
            _stream.Dispose();
            _pool.Dispose();
            _noise.Dispose();
            _ticks.Dispose();
            _runner.Dispose();
            _prompt.Dispose();
            _model.Dispose();
        }
    }

    private static float Distance(Tensor a, Tensor b) => (a - b).abs().max().item<float>();

    private sealed record Both(PromptContext Whole, PromptContext First, PromptContext Second) : IDisposable
    {
        public void Dispose()
        {
            Whole.Dispose();
            First.Dispose();
            Second.Dispose();
        }
    }

    private sealed record Caches(KvCachePool Whole, KvCachePool First, KvCachePool Second) : IDisposable
    {
        public void Dispose()
        {
            Whole.Dispose();
            First.Dispose();
            Second.Dispose();
        }
    }
}
