using System.Globalization;
using System.Text.RegularExpressions;
using StreamDiff.Models.KvCache;
using StreamDiff.Models.Loading;
using StreamDiff.Models.Registry;
using StreamDiff.Models.Wan.Layers;
using StreamDiff.Testing;

namespace StreamDiff.Cli.Tests.Commands;

/// <summary>Heads that are split: how the split is made, read, used and told.</summary>
public sealed partial class HeadsCommandTests : IDisposable
{
    private static readonly string[] Clip = ["test:testsrc2?size=64x64&rate=16&duration=2.5", "-s", "64x64", "--threads", "1"];

    private readonly Streamdiff _streamdiff = new();

    private static Model Tiny => new ModelCatalog().Find("tiny");

    public void Dispose() => _streamdiff.Dispose();

    [Fact]
    [Trait("Category", "Slow")]
    public void Heads_AreMeasuredOnce_AndTheTakeTheyMadeIsReplayedToTheLastBit()
    {
        var made = Measure("heads.json");
        Assert.Equal(0, made.ExitCode);
        Assert.Contains("12 retrieval heads", made.Error + made.Output, StringComparison.Ordinal);
        var file = HeadFile.Read(_streamdiff.Folder["heads.json"], Tiny);
        Assert.Equal((5, 1, 1, 12), (file.Split.WindowFrames, file.Split.SinkFrames, file.Split.RecentFrames,
            file.Split.Retrieval.Sum(heads => heads.Count)));
        // Those that lose most look back on everything.
        var streaming = file.Scores.SelectMany((s, block) => s.Where((_, head) => !file.Split.Retrieval[block].Contains(head)));
        var retrieval = file.Scores.SelectMany((s, block) => s.Where((_, head) => file.Split.Retrieval[block].Contains(head)));
        Assert.True(streaming.Max() <= retrieval.Min() && streaming.Min() > 0);
        Assert.Equal(0, Measure("again.json").ExitCode);
        Assert.Equal(File.ReadAllText(_streamdiff.Folder["heads.json"]), File.ReadAllText(_streamdiff.Folder["again.json"]));

        var run = _streamdiff.Run(["run", "-i", .. Clip, "--heads", "heads.json", "-o", "a.mkv", "--log", "take.log"]);
        Assert.Equal(0, run.ExitCode);
        Assert.Contains("heads: 12 retrieval heads, the others see 1 first and 1 newest frames", run.Error, StringComparison.Ordinal);
        var replay = _streamdiff.Run("replay", "take.log", "-i", Clip[0], "-o", "null:");
        Assert.Contains("identical to the session bit for bit", replay.Output, StringComparison.Ordinal);
        // Other heads make another take, and it says so.
        var whole = _streamdiff.Run("replay", "take.log", "-i", Clip[0], "-o", "null:", "--heads", "off");
        Assert.Equal(0, whole.ExitCode);
        Assert.DoesNotContain("identical", whole.Output, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Heads_OfAnotherModelOrDamaged_AreRefusedInOneLine()
    {
        var split = new HeadSplit(5, 1, 1, [.. Enumerable.Repeat<int[]>([0, 3], 6)]);
        var scores = Enumerable.Repeat<double[]>([0.1, 0.2, 0.3, 0.4], 6).ToArray();
        var text = new HeadFile(split, scores, "by hand").TextFor(Tiny);
        Write("good.json", text);
        Assert.Equal(split.Digest, HeadFile.Read(_streamdiff.Folder["good.json"], Tiny).Split.Digest);

        AssertRefused("none.json", null, "none.json does not exist");
        AssertRefused("cut.json", text[..(text.Length / 2)], "cut.json is not valid JSON");
        AssertRefused("few.json", Regex.Replace(text, @",\n[^\n]*\n  \]", "\n  ]"), "blocks must be 6, as tiny has, not 5");
        AssertRefused("heads.json", text.Replace("[true,false,false,true]", "[true,false,false,true,true]", StringComparison.Ordinal),
            "blocks[0].retrieval must be a list of 4 true or false values");
        AssertRefused("window.json", text.Replace("\"window_frames\": 5", "\"window_frames\": 2", StringComparison.Ordinal),
            "window_frames must be more than sink_frames and recent_frames, 2, not 2");
        AssertRefused("weights.json", WeightsLine().Replace(text, "\"weights\": \"0123\""), "was made for other weights of tiny");
        AssertRefused("model.json", WeightsLine().Replace(text, "\"weights\": \"0123\"").Replace("tiny", "huge", StringComparison.Ordinal),
            "was made for model huge, not for tiny");

        Assert.Contains("streaming heads hold 2 frames as it is",
            _streamdiff.Run(["run", "-i", .. Clip, "--heads", "good.json", "--window", "2", "--sinks", "1", "-o", "null:"]).Error,
            StringComparison.Ordinal);
        var wrong = _streamdiff.Run(
            ["heads", .. Clip[1..], "--keep", "2", "--ticks", "0", "-i", "rtmp://127.0.0.1/live/x", "-o", "x.json"]);
        Assert.Equal(2, wrong.ExitCode);
        Assert.Equal(3, wrong.Problems.Length);
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Ranks_OfOtherProcesses_NeedTheSameSplit()
    {
        Assert.True(File.Exists(HeadFile.Beside(Tiny)));
        using var ranks = new RankProcesses(_streamdiff);
        var rank = ranks.Start("--dtype", "float32", "--heads", "on");
        string[] run =
        [
            "run", "-i", "test:testsrc2?size=64x64&rate=16&duration=0.5", .. Clip[1..], "--dtype", "float32", "-o", "null:", "--ranks",
        ];
        Assert.Equal(0, _streamdiff.Run([.. run, $"cpu,{rank}", "--heads", "on"]).ExitCode);
        var without = _streamdiff.Run([.. run, $"cpu,{rank}"]);
        Assert.NotEqual(0, without.ExitCode);
        Assert.Contains(", heads ", Assert.Single(without.Problems), StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Plan_TellsTheMemoryThatCachesTake()
    {
        var model = new ModelCatalog().Find("wan2.1-t2v-1.3b-streamdiffusionv2");
        var split = new HeadSplit(6, 1, 1, [.. Enumerable.Range(0, 30).Select(block => Enumerable.Range(0, block % 7).ToArray())]);
        Write("heads.json", new HeadFile(split, [.. Enumerable.Repeat(new double[12], 30)], "by hand").TextFor(model));
        double Planned(params string[] more)
        {
            var plan = _streamdiff.Run(["plan", "--model", "1.3b", "--devices", "H100", .. more]);
            Assert.Equal(0, plan.ExitCode);
            return double.Parse(CacheSize().Match(plan.Output).Groups[1].Value, CultureInfo.InvariantCulture);
        }
        double Held(HeadSplit? of, int window) => KvCachePool.BytesOf(
            ModelBundle.TransformerConfig(model.Config) with { HeadSplit = of }, .., 2, new CacheGeometry(52 * 30, window, 3, 0.2),
            KeyRotation.Relative, 2) / 1e9;

        Assert.Equal(Held(null, 6), Planned(), 0.051);
        Assert.Equal(Held(split, 6), Planned("--heads", "heads.json"), 0.051);
        Assert.Equal(Held(split, 18), Planned("--heads", "heads.json", "--window", "18"), 0.051);
        // Half of it and less, in a long window.
        Assert.True(Held(split, 18) < 0.5 * Held(null, 18));
    }

    private Streamdiff.Outcome Measure(string to) =>
        _streamdiff.Run(["heads", "-i", .. Clip, "--ticks", "1", "--dtype", "float32", "-o", to]);

    private void Write(string name, string text) => File.WriteAllText(_streamdiff.Folder[name], text);

    private void AssertRefused(string name, string? text, string expected)
    {
        if (text is not null)
            Write(name, text);
        var run = _streamdiff.Run(["run", "-i", .. Clip, "--heads", name, "-o", "null:"]);
        Assert.Equal(2, run.ExitCode);
        Assert.Contains(expected, Assert.Single(run.Problems), StringComparison.Ordinal);
    }

    [GeneratedRegex("\"weights\": \"[^\"]*\"")]
    private static partial Regex WeightsLine();

    [GeneratedRegex(@"([0-9.]+) KV cache")]
    private static partial Regex CacheSize();
}
