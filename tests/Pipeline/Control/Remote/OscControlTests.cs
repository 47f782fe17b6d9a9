using System.Diagnostics;
using System.Net;
using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Control.Remote;
using StreamDiff.Pipeline.Control.Steering;

namespace StreamDiff.Pipeline.Tests.Control.Remote;

/// <summary>Open Sound Control with the tools of liblo: oscsend and oscdump.</summary>
public sealed class OscControlTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    [Theory]
    [InlineData("/streamdiff/noise f 0.4", "noise 0.4")]
    [InlineData("/streamdiff/noise fsi 0.4 blend 8", "noise 0.4 blend 8")]
    [InlineData("/streamdiff/steps f 2", "steps 2")]
    [InlineData("/streamdiff/prompt ssi 'say \"neon\"' blend 8", "prompt \"say \\\"neon\\\"\" blend 8")]
    [InlineData("/streamdiff/lora/my_ink f 0.5", "lora my_ink 0.5")]
    [InlineData("/streamdiff/seed/next", "seed next")]
    [InlineData("/streamdiff/pause i 1", "pause")]
    [InlineData("/streamdiff/pause i 0", "resume")]
    [InlineData("/streamdiff/tempo fT 128", "tempo 128")]
    [InlineData("/streamdiff/command s 'map sound.bass noise 0.25 0.4'", "map sound.bass noise 0.25 0.4")]
    public void Oscsend_Command_TakesEffect(string message, string change)
    {
        using var stream = new Stream();
        stream.Send(message);
        Assert.Equal(change, stream.Next());
    }

    [Fact]
    public void Oscsend_PresetAsAButton_IsTakenWhenItIsPressed()
    {
        using var stream = new Stream();
        stream.Send("/streamdiff/preset/neon f 0");
        stream.Send("/streamdiff/preset/neon f 1");
        Assert.Equal("prompt \"neon\"", stream.Next());
    }

    [Fact]
    public void Oscsend_ASignal_MovesWhatFollowsIt()
    {
        using var stream = new Stream();
        stream.Send("/streamdiff/map ssff fader/1 noise 0.2 0.6");
        Assert.Equal("map fader/1 noise 0.2 0.6", stream.Next());
        stream.Send("/streamdiff/signal sf fader/1 0.5");
        Assert.Equal("noise 0.4", stream.Next());
    }

    [Fact]
    public void Oscsend_WhatIsWrong_IsToldAndTheNextIsTaken()
    {
        using var stream = new Stream();
        stream.Send("/streamdiff/noise f 7");
        stream.Send("/elsewhere/noise f 0.4");
        stream.Send("/streamdiff/nose f 0.4");
        stream.SendRaw([47, 97]);
        stream.Send("/streamdiff/seed i 5");
        Assert.Equal("seed 5", stream.Next());
        Assert.Equal(
            [
                "error: osc: /streamdiff/noise: noise must be a number from 0.1 to 1, not '7'",
                "error: osc: /elsewhere/noise: addresses begin with /streamdiff/",
                "error: osc: an OSC packet is not understood: a text has no end",
            ], stream.Said.Where(s => !s.Contains("nose", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Oscdump_IsToldWhatTookEffect()
    {
        using var probe = new System.Net.Sockets.UdpClient(new IPEndPoint(IPAddress.Loopback, 0));
        var port = ((IPEndPoint)probe.Client.LocalEndPoint!).Port;
        probe.Close();
        using var dump = Process.Start(new ProcessStartInfo("stdbuf", ["-oL", "oscdump", $"{port}"]) { RedirectStandardOutput = true })!;
        try
        {
            using var stream = new Stream(new IPEndPoint(IPAddress.Loopback, port));
            // Until it listens, nobody hears.
            var first = dump.StandardOutput.ReadLineAsync();
            var seed = 0;
            do
            {
                stream.Send($"/streamdiff/seed i {++seed}");
                stream.Next();
            }
            while (await Task.WhenAny(first, Task.Delay(TimeSpan.FromMilliseconds(200))) != first && seed < 300);
            Assert.Matches("/streamdiff/applied sii \"seed [0-9]+\" [0-9]+ [0-9]+$", await first);
            stream.Send("/streamdiff/noise f 0.5");
            stream.Next();
            string? line;
            do
                line = await dump.StandardOutput.ReadLineAsync();
            while (line is not null && !line.Contains("/streamdiff/noise ", StringComparison.Ordinal));
            Assert.EndsWith("/streamdiff/noise f 0.500000", line, StringComparison.Ordinal);
        }
        finally
        {
            dump.Kill();
            await dump.WaitForExitAsync();
        }
    }

    /// <summary>A stream that takes each change at once, as its only chunk after it.</summary>
    private sealed class Stream : IDisposable
    {
        private readonly StreamControls _controls = new();
        private readonly OscControl _osc;
        private long _chunk;

        public Stream(IPEndPoint? feedback = null)
        {
            _controls.Open(ControlLimits.Widest, _ => Task.CompletedTask);
            _osc = new OscControl(new IPEndPoint(IPAddress.Loopback, 0), feedback, SteeredStreams.Of(_controls), Said.Add);
            _controls.Applied += applied => _osc.Tell(null, applied);
        }

        public List<string> Said { get; } = [];

        public void Send(string message) => TestFolder.Command("oscsend", $"127.0.0.1 {_osc.Address.Port} {message}");

        public void SendRaw(byte[] packet)
        {
            using var client = new System.Net.Sockets.UdpClient();
            client.Send(packet, _osc.Address);
        }

        // The change that takes effect next.
        public string Next()
        {
            for (var until = DateTime.UtcNow + Patience; DateTime.UtcNow < until; Thread.Sleep(5))
                if (_controls.Take(new ChunkSpan(_chunk, 4 * _chunk, 4 * _chunk + 3, TimeSpan.FromSeconds(++_chunk))) is [.., _] applied)
                    return applied[0].Change.ToString();
            throw new TimeoutException(string.Join('\n', Said));
        }

        public void Dispose() => _osc.Dispose();
    }
}
