using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using StreamDiff.CommandLine;
using StreamDiff.Models.Weights;
using StreamDiff.Testing;

using Answer = StreamDiff.Testing.LoopbackServer.Answer;

namespace StreamDiff.Cli.Tests.Commands;

public sealed class ModelsCommandTests : IDisposable
{
    private static readonly byte[] Content = RandomNumberGenerator.GetBytes(2_000_000);
    private static readonly string Hash = Convert.ToHexStringLower(SHA256.HashData(Content));

    private readonly Streamdiff _streamdiff = new();

    public void Dispose() => _streamdiff.Dispose();

    private string Pulled => _streamdiff.Folder["models", "mine", "weights", "a", "tok.model"];

    [Fact]
    public void List_ShippedModels_ShowsStateOfEach()
    {
        var outcome = _streamdiff.Run("models", "list");
        Assert.Equal(0, outcome.ExitCode);
        Assert.Matches("tiny +320x192 +ready", outcome.Output);
        Assert.Matches(@"wan2.1-t2v-1.3b-streamdiffusionv2 +832x480 +5 of 5 files missing, 17\.6 GB to pull", outcome.Output);
    }

    [Fact]
    public void Show_Models_TellsTheWholeCard()
    {
        var tiny = _streamdiff.Run("models", "show", "tiny");
        Assert.Equal(0, tiny.ExitCode);
        foreach (var line in (string[])
        [
            "modes +stream-batch, sequential", "noise scale +0.25 by default, of use 0.25 to 0.45", "steps +1 to 4, of use 1 to 2",
            "size +320x192", "vae +taehv", "licence +Apache-2.0", "  spiece.model ", "  oil painting +oil painting, oil paint, ",
        ])
            Assert.Matches($"\n{line}", tiny.Output);
        var large = _streamdiff.Run("models", "show", "wan2.1-t2v-1.3b-streamdiffusionv2").Output;
        Assert.Matches("\nmodes +stream-batch, sequential, text-to-video\n", large);
        Assert.Matches("\nprompts +any description", large);
        Assert.StartsWith(
            "error: unknown model 'huge'", Assert.Single(_streamdiff.Run("models", "show", "huge").Problems), StringComparison.Ordinal);
    }

    [Fact]
    public void List_OneModelDamaged_ShowsTheOthers()
    {
        Environment("http://localhost/");
        _streamdiff.Folder.Write("models/bad/model.json", "nonsense");
        var outcome = _streamdiff.Run("models", "list");
        Assert.Equal(1, outcome.ExitCode);
        Assert.Contains("tiny", outcome.Output, StringComparison.Ordinal);
        Assert.Contains("bad/model.json is not valid JSON", Assert.Single(outcome.Problems), StringComparison.Ordinal);
    }

    [Fact]
    public void Check_ShippedModels_IsOkThoughTheBigOnesAreNotThere()
    {
        var outcome = _streamdiff.Run("models", "check");
        Assert.Equal(0, outcome.ExitCode);
        Assert.Contains("ok            spiece.model", outcome.Output, StringComparison.Ordinal);
        Assert.Equal(1, _streamdiff.Run("models", "check", "wan2.1-t2v-1.3b-streamdiffusionv2").ExitCode);
    }

    [Fact]
    public void Check_UnknownModel_IsOneLine()
    {
        var outcome = _streamdiff.Run("models", "check", "huge");
        Assert.Equal(1, outcome.ExitCode);
        Assert.StartsWith("error: unknown model 'huge': there are tiny", Assert.Single(outcome.ErrorLines), StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Pull_ServerBreaksOff_CompletesAndCheckAgrees()
    {
        using var server = new LoopbackServer(r => Answer.File(Content, r) with { BreakAfter = r.Number == 1 ? 500_000 : null });
        Environment(server.Url(""));
        var outcome = _streamdiff.Run("models", "pull", "mine");
        Assert.Equal(0, outcome.ExitCode);
        Assert.Contains("the connection broke off, trying again", outcome.Error, StringComparison.Ordinal);
        Assert.Contains("mine is complete", outcome.Output, StringComparison.Ordinal);
        Assert.Equal(Content, File.ReadAllBytes(Pulled));
        Assert.Equal(0, _streamdiff.Run("models", "check", "mine").ExitCode);

        _streamdiff.Run("models", "pull", "mine");
        Assert.Equal(2, server.Requests.Count);

        File.WriteAllBytes(Pulled, [.. Content[..^1], (byte)(Content[^1] ^ 1)]);
        var check = _streamdiff.Run("models", "check", "mine");
        Assert.Equal(1, check.ExitCode);
        Assert.Contains("wrong hash    a/tok.model is damaged or another version (its sha256 differs): streamdiff models pull mine",
            check.Output, StringComparison.Ordinal);
    }

    [Theory]
    [Trait("Category", "Slow")]
    [InlineData("wrong", "sent wrong bytes")]
    [InlineData("lie", "offers 1999990 bytes where 2000000 are expected")]
    [InlineData("gone", "answers 404: there is no such file")]
    [InlineData("broken", "answers 500")]
    public void Pull_BadServer_FailsWithOneLineAndKeepsNothing(string kind, string says)
    {
        using var server = new LoopbackServer(_ => kind switch
        {
            "wrong" => new Answer(200, new byte[Content.Length]),
            "lie" => new Answer(200, Content) { StatedLength = Content.Length - 10 },
            "gone" => new Answer(404),
            _ => new Answer(500),
        });
        Environment(server.Url(""));
        var outcome = _streamdiff.Run("models", "pull", "mine", "--attempts", "1");
        Assert.Equal(1, outcome.ExitCode);
        var problem = Assert.Single(outcome.Problems);
        Assert.Contains(says, problem, StringComparison.Ordinal);
        Assert.Contains(server.Url("a/tok.model"), problem, StringComparison.Ordinal);
        Assert.False(File.Exists(Pulled));
        Assert.False(File.Exists(Pulled + ".part"));
    }

    [Theory]
    [Trait("Category", "Slow")]
    [InlineData(PosixSignal.SIGINT, 130)]
    [InlineData(PosixSignal.SIGTERM, 143)]
    // That signals arrive here whatever the tests themselves were started with.
    [InlineData(PosixSignal.SIGINT, 130, true)]
    public void Pull_Interrupted_KeepsThePartAndGoesOnLater(PosixSignal signal, int code, bool isCallerDeaf = false)
    {
        // So slow that it cannot be complete before the signal is there.
        using var server = new LoopbackServer(
            r => Answer.File(Content, r) with { Pace = r.Number == 1 ? TimeSpan.FromMilliseconds(100) : TimeSpan.Zero });
        Environment(server.Url(""));
        _streamdiff.IsStartedByADeafCaller = isCallerDeaf;
        var process = _streamdiff.Start("models", "pull", "mine");
        WaitForPart(process);
        Streamdiff.Signal(process, signal);
        var outcome = Streamdiff.Finish(process);
        Assert.Equal(code, outcome.ExitCode);
        Assert.Contains("kept; the same command goes on from there", outcome.Error, StringComparison.Ordinal);

        var there = new FileInfo(Pulled + ".part").Length;
        Assert.Equal(0, _streamdiff.Run("models", "pull", "mine").ExitCode);
        Assert.Equal(there, server.Requests.Last().From);
        Assert.Equal(Content, File.ReadAllBytes(Pulled));
    }

    [Theory]
    [InlineData("a/tok.model")]
    [InlineData("elsewhere/below/tok.model")]
    public void Pull_FromAFolder_TakesTheFileWithoutANetwork(string place)
    {
        Environment("http://127.0.0.1:9/");
        File.WriteAllBytes(_streamdiff.Folder.Write($"stick/{place}", ""), Content);
        Directory.CreateDirectory(Path.GetDirectoryName(Pulled)!);
        File.WriteAllBytes(Pulled + ".part", Content[..5]);
        var outcome = _streamdiff.Run("models", "pull", "mine", "--from", "stick");
        Assert.Equal(0, outcome.ExitCode);
        Assert.False(File.Exists(Pulled + ".part"));
        Assert.Contains("sha256 verified", outcome.Error, StringComparison.Ordinal);
        Assert.Equal(Content, File.ReadAllBytes(Pulled));
    }

    [Fact]
    public void Pull_FromAFolderWithAnotherFile_FailsWithOneLineAndKeepsNothing()
    {
        Environment("http://127.0.0.1:9/");
        File.WriteAllBytes(_streamdiff.Folder.Write("stick/tok.model", ""), [.. Content[..^1], (byte)(Content[^1] ^ 1)]);
        // What a download has brought so far.
        Directory.CreateDirectory(Path.GetDirectoryName(Pulled)!);
        File.WriteAllBytes(Pulled + ".part", Content[..5]);
        var outcome = _streamdiff.Run("models", "pull", "mine", "--from", "stick");
        Assert.Equal(1, outcome.ExitCode);
        Assert.Contains("is damaged or another version of a/tok.model", Assert.Single(outcome.Problems), StringComparison.Ordinal);
        Assert.Equal([Pulled + ".part"], Directory.GetFiles(Path.GetDirectoryName(Pulled)!));
        Assert.Equal(Content[..5], File.ReadAllBytes(Pulled + ".part"));
        Assert.Contains("stick2 is no folder",
            Assert.Single(_streamdiff.Run("models", "pull", "mine", "--from", "stick2").Problems), StringComparison.Ordinal);
    }

    [Fact]
    public void Pull_Mirror_IsUsedForTheHub()
    {
        using var server = new LoopbackServer(r => Answer.File(Content, r));
        Environment("https://huggingface.co/");
        Assert.Equal(0, _streamdiff.Run("models", "pull", "mine", "--hub", "http://127.0.0.1:1", "--hub", server.Url("")).ExitCode);
        Assert.Equal("/a/tok.model", server.Requests.Single().Path);
    }

    [Fact]
    public void Pull_HubIsNoAddress_SaysWhose()
    {
        var outcome = _streamdiff.Run("models", "pull", "tiny", "--hub", "mirror");
        Assert.Equal(
            (2, "error: hub must be an http or https address, not mirror"), (outcome.ExitCode, Assert.Single(outcome.Problems)));
        _streamdiff.Environment["STREAMDIFF_HUB"] = "mirror";
        outcome = _streamdiff.Run("models", "pull", "tiny");
        Assert.Contains("STREAMDIFF_HUB must be http or https addresses, not 'mirror'", outcome.Error, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Convert_FileOfComfyUi_IsAModelThatRuns()
    {
        using var tiny = SafetensorsFile.Open(
            new Models.Registry.ModelCatalog().Find("tiny").PathOf("transformer.safetensors", out _)!);
        var tensors = tiny.Names.Select(n => KeyValuePair.Create("model.diffusion_model." + n, tiny.View(n))).ToList();
        SafetensorsWriter.Write(_streamdiff.Folder["other.safetensors"], tensors);
        tensors.ForEach(t => t.Value.Dispose());

        var outcome = _streamdiff.Run("models", "convert", "other.safetensors");
        Assert.Equal(0, outcome.ExitCode);
        Assert.Matches("^[0-9]+ tensors of tiny's sizes, in .*/data/streamdiff/models/other\n$", outcome.Output);
        Assert.Equal(0, _streamdiff.Run("models", "check", "other").ExitCode);
        Assert.Equal(File.ReadAllBytes(Run("tiny")), File.ReadAllBytes(Run("other")));
        Assert.Contains("there is a model named other already",
            Assert.Single(_streamdiff.Run("models", "convert", "other.safetensors").Problems), StringComparison.Ordinal);

        string Run(string model)
        {
            var sheet = _streamdiff.Folder[$"{model}.png"];
            Assert.Equal(0, _streamdiff.Run("run", "--input", "test:scene?size=128x64&rate=16&duration=0.5", "--output", $"{model}.mp4",
                "--contact-sheet", sheet, "--model", model, "--size", "128x64", "--prompt", "neon").ExitCode);
            return sheet;
        }
    }

    private void WaitForPart(Process process)
    {
        while (!(File.Exists(Pulled + ".part") && new FileInfo(Pulled + ".part").Length > 100_000))
            Assert.False(process.WaitForExit(20), "it ended before there was anything to keep");
    }

    // A model called "mine" whose only file lies at the given address.
    private void Environment(string address)
    {
        var shipped = new Models.Registry.ModelCatalog().Find("tiny").Folder;
        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(shipped, "model.json")))!;
        config["weights"]!["tokenizer"] = "a/tok.model";
        _streamdiff.Folder.Write("models/mine/model.json", config.ToJsonString());
        var file = new JsonObject
        {
            ["path"] = "a/tok.model",
            ["role"] = "tokenizer",
            ["url"] = address + "a/tok.model",
            ["size"] = Content.Length,
            ["sha256"] = Hash,
            ["license"] = null,
            ["source"] = null,
        };
        _streamdiff.Folder.Write("models/mine/manifest.json", new JsonObject { ["files"] = new JsonArray(file) }.ToJsonString());
        _streamdiff.Environment["STREAMDIFF_MODELS"] = _streamdiff.Folder["models"];
    }
}
