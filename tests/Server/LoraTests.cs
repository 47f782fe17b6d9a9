using System.Net;
using StreamDiff.Client;
using StreamDiff.Models.Loading;
using StreamDiff.Models.Loras;
using StreamDiff.Models.Registry;
using StreamDiff.Models.Wan;
using StreamDiff.Testing;

namespace StreamDiff.Server.Tests;

/// <summary>Strengths of LoRAs over HTTP: each session has its own, and its log replays.</summary>
public sealed class LoraTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("streamdiff-lora-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    [Trait("Category", "Slow")]
    public async Task Strengths_AreEachSessionsOwnAndTheLogReplaysBitForBit()
    {
        var file = Path.Combine(_folder, "ink.safetensors");
        using (TorchSharp.torch.NewDisposeScope())
            LoraFiles.Write(
                file, LoraSpellings.Comfy, CausalWanModel.Shapes(ModelBundle.TransformerConfig(new ModelCatalog().Find("tiny").Config)));
        await using var studio = await TestStudio.Start("tiny", null, new LoraChoice(file, 0.5));
        var client = studio.Client;
        await using var listener = new Listener(client);
        var session = await client.StartSession(new NewSession { Name = "one", Input = TestStudio.Source, Prompt = "neon", Log = true });
        Assert.Equal(0.5, session.Controls!.Loras!["ink"]);
        await client.StartSession(new NewSession { Name = "two", Input = TestStudio.Source, Prompt = "neon" });
        await listener.Next("session.firstFrame", "one");

        var changed = new ControlRequest { Loras = new Dictionary<string, double> { ["ink"] = -0.25 }, Seed = 4 };
        var reply = await client.Control("one", changed, wait: true);
        Assert.Equal(["seed 4", "lora ink -0.25"], reply.Accepted);
        Assert.Equal(reply.Accepted, reply.Applied!.Select(a => a.Change));
        Assert.Equal(-0.25, (await client.GetSession("one")).Controls!.Loras!["ink"]);
        Assert.Equal(0.5, (await client.GetSession("two")).Controls!.Loras!["ink"]);
        // What is no setting of its own is told as what would bring it about.
        foreach (var line in (string[])["tempo 90", "map sound.level noise 0.3 0.4", "unmap noise", "map beat noise 0.3 0.4"])
            _ = await client.Control("one", new ControlRequest { Commands = [line] }, wait: true);
        Assert.Equal(["tempo 90", "map beat noise 0.3 0.4"], (await client.GetSession("one")).Controls!.Standing);

        foreach (var (name, strength, told) in new[]
        {
            ("wash", 1.0, "there is no lora named wash: there is ink"), ("ink", 11, "lora strength must be from -10 to 10, not 11"),
        })
        {
            var refused = await Assert.ThrowsAsync<StudioException>(
                () => client.Control("one", new ControlRequest { Loras = new Dictionary<string, double> { [name] = strength } }));
            Assert.Equal((HttpStatusCode.UnprocessableEntity, told), (refused.Status, refused.Message));
        }

        await client.StopSession("one");
        var replay = await client.StartReplay(
            new NewReplay { Session = "one", Input = TestStudio.Source.Replace("duration=0", "duration=600", StringComparison.Ordinal) });
        await TestStudio.Until(async () => (replay = await client.GetReplay(replay.Id)).State != "running");
        Assert.Equal(("done", true), (replay.State, replay.IsIdentical));
    }
}
