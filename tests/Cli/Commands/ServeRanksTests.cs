using System.Diagnostics;
using System.Text;

namespace StreamDiff.Cli.Tests.Commands;

/// <summary>Sessions over ranks that are processes of their own, as a user runs them.</summary>
public sealed class ServeRanksTests : IDisposable
{
    private const string Source = "test:testsrc2?size=64x64&rate=4&duration=0";
    private static readonly string[] Files = ["one.mkv", "two.mkv", "three.mkv"];
    private readonly Streamdiff _streamdiff = new();
    private readonly RankProcesses _ranks;

    public ServeRanksTests() => _ranks = new RankProcesses(_streamdiff);

    public void Dispose()
    {
        _ranks.Dispose();
        _streamdiff.Dispose();
    }

    // Of two sizes, so that there are passes which cannot be one: what was chosen together may be lost in between.
    [Fact]
    [Trait("Category", "Slow")]
    public void Serve_RankKilledAndStartedAgainAndStopped_AllSessionsGoOn()
    {
        var (survivor, victim) = (_ranks.Start(), _ranks.Start());
        File.WriteAllText(_streamdiff.Folder["sessions.yaml"], $"""
            ranks: {survivor},{victim}
            fps: 4
            steps: 2
            deadline: 20000
            prompt: a mosaic
            sessions:
              - name: one
                input: {Source}
                size: 64x64
                output: one.mkv
              - name: two
                input: {Source}
                size: 80x64
                output: two.mkv
              - name: three
                input: {Source}
                size: 64x64
                steps: 1
                output: three.mkv
            """);
        var serve = _streamdiff.Start(input: true, "serve", "--config", "sessions.yaml");
        var said = new StringBuilder();
        serve.ErrorDataReceived += (_, line) =>
        {
            lock (said)
                said.AppendLine(line.Data);
        };
        serve.BeginErrorReadLine();
        try
        {
            GoOn(serve, said);
            // A rank that a busy machine keeps from giving signs of life is lost and found as well.
            var before = Rebuilt();
            _ranks[1].Kill();
            Until(serve, said, () => Rebuilt() > before);
            GoOn(serve, said);

            before = Rebuilt();
            _ranks.StartAt(victim);
            Until(serve, said, () => Rebuilt() > before);
            GoOn(serve, said);

            before = Rebuilt();
            Streamdiff.Pause(_ranks[2]);
            Until(serve, said, () => Rebuilt() > before);
            GoOn(serve, said);

            serve.StandardInput.WriteLine("quit");
            Assert.True(serve.WaitForExit(TimeSpan.FromMinutes(3)), said.ToString());
            Assert.True(serve.ExitCode == 0, said.ToString());
            Assert.DoesNotMatch("session [a-z]+: failed", said.ToString());
        }
        finally
        {
            if (!serve.HasExited)
                serve.Kill();
            serve.Dispose();
        }

        int Rebuilt() => Read(said).Split("rebuilt on ").Length - 1;
    }

    private static string Read(StringBuilder said)
    {
        lock (said)
            return said.ToString();
    }

    // All files get more pictures than they have.
    private void GoOn(Process serve, StringBuilder said)
    {
        var before = Files.Select(Length).ToArray();
        Until(serve, said, () => Files.Select(Length).Zip(before).All(f => f.First > f.Second + 6000));
    }

    private long Length(string file) => File.Exists(_streamdiff.Folder[file]) ? new FileInfo(_streamdiff.Folder[file]).Length : 0;

    private static void Until(Process serve, StringBuilder said, Func<bool> happened)
    {
        var patience = Stopwatch.StartNew();
        while (!happened())
        {
            Assert.False(serve.WaitForExit(100), Read(said));
            Assert.True(patience.Elapsed < TimeSpan.FromMinutes(3), Read(said));
        }
    }
}
