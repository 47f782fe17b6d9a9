using StreamDiff.CommandLine;
using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Control.Logs;

namespace StreamDiff.Cli.Tests.Commands;

/// <summary>What a user sees of timelines, commands on standard input, logs and replays.</summary>
public sealed class ControlCommandTests
{
    private const string Input = "test:testsrc2?size=64x64&rate=8&duration=3";

    [Fact]
    [Trait("Category", "Slow")]
    public void Run_TimelineAndLog_ReplayIsTheSameAndABetterOneIsMade()
    {
        using var streamdiff = new Streamdiff();
        File.WriteAllText(streamdiff.Folder["changes"], "# slowly\nat 00:01 prompt \"neon\" blend 2\nat frame 17 noise 0.5\n");
        var run = streamdiff.Run("run", "-i", Input, "-o", "null:", "-s", "64x64", "-p", "sepia", "--threads", "1", "--timeline", "changes",
            "--log", "take.log");
        Assert.Equal(0, run.ExitCode);
        Assert.Contains("chunk 1 (frame 5): prompt \"neon\" blend 2", run.ErrorLines);
        Assert.Contains("chunk 4 (frame 17): noise 0.5", run.ErrorLines);
        Assert.Contains("note: tiny takes 'sepia' for sepia", run.ErrorLines);
        Assert.Contains("note: tiny takes 'neon' for neon", run.ErrorLines);
        Assert.Contains("note: noise 0.5 is too much for tiny: the picture is lost in it; 0.25 to 0.45 is of use", run.ErrorLines);

        var same = streamdiff.Run("replay", "take.log", "-i", Input, "-o", "same.mkv");
        Assert.Equal((0, ""), (same.ExitCode, string.Join('\n', same.Problems)));
        Assert.EndsWith("6 chunks, 24 frames: identical to the session bit for bit\n", same.Output, StringComparison.Ordinal);
        Assert.True(File.Exists(streamdiff.Folder["same.mkv"]));

        var better = streamdiff.Run("replay", "take.log", "-i", Input, "-o", "null:", "--steps", "4", "--size", "97x96");
        Assert.Equal(0, better.ExitCode);
        Assert.Contains(
            "note: the model works on multiples of 16 pixels, at least 64: size 96x96 is used instead of 97x96", better.ErrorLines);
        Assert.Contains("note: 4 steps are no better than 2 with tiny and take longer; 1 to 2 are of use", better.ErrorLines);
        Assert.Contains("note: tiny takes 'neon' for neon", better.ErrorLines);
        Assert.EndsWith(
            "6 chunks, 24 frames with other settings than the session's: not compared\n", better.Output, StringComparison.Ordinal);

        var other = streamdiff.Run("replay", "take.log", "-i", "test:smptebars?size=64x64&rate=8&duration=3", "-o", "null:");
        Assert.Equal(1, other.ExitCode);
        Assert.Contains("the pictures differ from the session's from chunk 0 on", other.Output, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Timeline_OfATake_IsEditedAndRunAgain()
    {
        using var streamdiff = new Streamdiff();
        File.WriteAllText(streamdiff.Folder["changes"], "every 1s from 1 preset neon blend 0.5s\nat frame 17 lora none 1 # none\n");
        string[] run = ["run", "-i", Input, "-s", "64x64", "-p", "sepia", "--threads", "1", "--codec", "ffv1", "-o"];
        var wrong = streamdiff.Run([.. run, "null:", "--timeline", "changes"]);
        Assert.Contains("changes: at frame 17: there is no lora", string.Join('\n', wrong.Problems), StringComparison.Ordinal);
        File.WriteAllText(streamdiff.Folder["changes"], "every 1s from 1 preset neon blend 0.5s\nat frame 17 seed next\n");
        var first = streamdiff.Run([.. run, "null:", "--timeline", "changes", "--log", "take.log"]);
        Assert.Equal((0, ""), (first.ExitCode, string.Join('\n', first.Problems)));

        Assert.Equal(0, streamdiff.Run("timeline", "take.log", "-o", "take.txt").ExitCode);
        var lines = File.ReadAllLines(streamdiff.Folder["take.txt"]);
        Assert.StartsWith("# begins with prompt \"sepia\", noise ", lines[0], StringComparison.Ordinal);
        Assert.Equal("at frame 5 prompt \"neon\"", lines[1]);
        Assert.Contains("at frame 17 seed 1", lines);
        Assert.Equal(lines, streamdiff.Run("timeline", "take.log").Output.TrimEnd('\n').Split('\n'));

        // The same pictures without preset, loop and clock, up to the line that is another one.
        UInt128[] Digests(string log) => [.. SessionLog.Read(streamdiff.Folder[log]).Chunks.Select(c => c.Digest)];
        File.WriteAllLines(streamdiff.Folder["take.txt"], lines.Select(l => l.Replace("seed 1", "seed 2", StringComparison.Ordinal)));
        Assert.Equal(0, streamdiff.Run([.. run, "null:", "--timeline", "take.txt", "--log", "other.log"]).ExitCode);
        Assert.Equal(Digests("take.log")[..4], Digests("other.log")[..4]);
        Assert.NotEqual(Digests("take.log")[4..], Digests("other.log")[4..]);
        Assert.Equal(2, streamdiff.Run("timeline", "nothing.log").ExitCode);
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Run_LiveWithADeadlineAndALog_GivesItsFramesAndIsReplayedBitForBit()
    {
        using var streamdiff = new Streamdiff();
        var run = streamdiff.Run(
            "run", "--live", "-i", Input, "-o", "a.mkv", "-s", "64x64", "-p", "sepia", "--threads", "1", "--deadline", "20000",
            "--log", "take.log");
        Assert.Equal((0, ""), (run.ExitCode, string.Join('\n', run.Problems)));
        Assert.Contains("session: note: tiny takes 'sepia' for sepia", run.Error, StringComparison.Ordinal);
        Assert.True(new FileInfo(streamdiff.Folder["a.mkv"]).Length > 1000);
        AssertReplays(streamdiff, "take.log");
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Serve_SessionsWithLogs_AreReplayedBitForBit()
    {
        using var streamdiff = new Streamdiff();
        File.WriteAllText(streamdiff.Folder["sessions.yaml"], $"""
            size: 64x64
            threads: 1
            deadline: 20000
            sessions:
              - name: one
                input: {Input}
                output: "null:"
                prompt: sepia
                log: one.log
              - name: two
                input: {Input}
                output: "null:"
                prompt: neon
                steps: 1
                log: two.log
              - name: three
                input: {Input}
                output: "null:"
            """);
        var process = streamdiff.Start(input: true, "serve", "--config", "sessions.yaml");
        for (var left = 1200; !(IsWhole("one.log") && IsWhole("two.log")); left--)
            Assert.False(process.WaitForExit(100) || left == 0, "it did not come to the end of its sessions");
        process.StandardInput.WriteLine("quit");
        Assert.Equal(0, Streamdiff.Finish(process).ExitCode);
        AssertReplays(streamdiff, "two.log");

        // Before its first record is on the disk it is none yet.
        bool IsWhole(string log)
        {
            try
            {
                return SessionLog.Read(streamdiff.Folder[log]).End is not null;
            }
            catch (ControlException)
            {
                return false;
            }
        }
    }

    private static void AssertReplays(Streamdiff streamdiff, string log)
    {
        var replay = streamdiff.Run("replay", log, "-i", Input, "-o", "null:");
        Assert.Equal((0, ""), (replay.ExitCode, string.Join('\n', replay.Problems)));
        Assert.EndsWith("identical to the session bit for bit\n", replay.Output, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Run_ControlStdin_FollowsCommandsTellsOfThemAndQuits()
    {
        using var streamdiff = new Streamdiff();
        var process = streamdiff.Start(input: true, "run", "-i", "test:testsrc2?size=64x64&rate=8&duration=600", "-o", "null:", "-s",
            "64x64", "--control", "stdin", "--log", "take.log");
        process.StandardInput.WriteLine("help");
        process.StandardInput.WriteLine("noise 7");
        process.StandardInput.WriteLine("prompt \"neon\" blend 2 spherical");
        process.StandardInput.WriteLine("steps 3");
        process.StandardInput.Flush();
        var error = new List<string>();
        while (process.StandardError.ReadLine() is { } line)
        {
            error.Add(line);
            if (line.EndsWith(": steps 3", StringComparison.Ordinal))
                process.StandardInput.WriteLine("quit");
        }
        Assert.Equal(0, Streamdiff.Finish(process).ExitCode);
        Assert.Contains(error, l => l.StartsWith("prompt \"TEXT\" [blend", StringComparison.Ordinal));
        Assert.Contains("error: noise must be a number from 0.1 to 1, not '7'", error);
        Assert.Matches(@"^chunk \d+ \(frame \d+\): prompt ""neon"" blend 2 spherical$",
            Assert.Single(error, l => l.Contains("prompt \"neon", StringComparison.Ordinal)));
        Assert.Contains("note: tiny takes 'neon' for neon", error);
        Assert.Equal(2, SessionLog.Read(streamdiff.Folder["take.log"]).Changes.Count);
        Assert.True(SessionLog.Read(streamdiff.Folder["take.log"]).End!.Cancelled);
    }

    [Fact]
    public void Run_WrongTimelineControlAndLog_TellsEverythingAtOnce()
    {
        using var streamdiff = new Streamdiff();
        File.WriteAllText(streamdiff.Folder["changes"], "at 1 nose 0.5\nat 2 sinks 9\n");
        var run = streamdiff.Run(
            "run", "-i", Input, "-o", "null:", "--timeline", "changes", "--control", "midi", "--log", "nowhere/take.log");
        Assert.Equal(2, run.ExitCode);
        Assert.Equal(
            [
                "error: control must be stdin, not midi",
                "error: changes:1 unknown command 'nose'",
                "error: changes: at 00:00:02: sinks (9) must be less than the window (5)",
                "error: the folder of log nowhere/take.log does not exist",
            ], run.Problems.Select(p => p.Split(": there are prompt, preset, noise")[0]));
    }

    [Theory]
    [InlineData(
        "--model", "passthrough", "--control", "stdin", "error: timeline, control and log need a model: passthrough has nothing to change")]
    public void Run_WhatCannotGoTogether_IsOneLine(string name, string value, string other, string otherValue, string problem)
    {
        using var streamdiff = new Streamdiff();
        var run = streamdiff.Run("run", "-i", Input, "-o", streamdiff.Folder["out.mp4"], name, value, other, otherValue);
        Assert.Equal(2, run.ExitCode);
        Assert.Equal([problem], run.Problems);
    }

    [Theory]
    [InlineData("garbage", "error: take.log is no session log of streamdiff")]
    [InlineData(null, "error: session log take.log does not exist")]
    public void Replay_NoLog_IsOneLine(string? content, string problem)
    {
        using var streamdiff = new Streamdiff();
        if (content is not null)
            File.WriteAllText(streamdiff.Folder["take.log"], content);
        var run = streamdiff.Run("replay", "take.log", "-i", Input, "-o", "null:");
        Assert.Equal(2, run.ExitCode);
        Assert.Equal([problem], run.Problems);
    }
}
