using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.FFmpeg;
using StreamDiff.Transport.Media.Opening;
using StreamDiff.Transport.Tests.Support;

namespace StreamDiff.Transport.Tests.Media.FFmpeg;

/// <summary>
/// Files can be played whatever ends the program, destroy nothing before they hold something, and are ordinary files in the end.
/// </summary>
public sealed class RecordingTests : IDisposable
{
    private const string Picture = "test:testsrc2?size=64x64&rate=25&duration=0";
    private const string Fragmented = "-c copy -movflags +empty_moov+delay_moov+default_base_moof -frag_duration 500000";
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("out.mp4")]
    [InlineData("out.mov")]
    [InlineData("out.m4v")]
    [InlineData("out.mkv")]
    [InlineData("out.webm")]
    [InlineData("out.ts")]
    [InlineData("out.avi")]
    public void Write_NotYetComplete_CanAlreadyBePlayed(string name)
    {
        var (output, cut) = (_folder.File(name), _folder.File("cut" + Path.GetExtension(name)));
        using var source = MediaSources.Open(new VideoSourceOptions { Input = Picture });
        using var sink = MediaSinks.Open(new FileSinkOptions { Output = output, Preset = "ultrafast" }, source.Video, null);
        // As a run that is killed leaves it: everything but what the process still held. A second of film is on the disk in any case.
        WriteUntil(source, sink, written => File.Exists(output) && written >= 100);
        File.Copy(output, cut);

        Assert.True(Probe.Decoded(cut).Length >= 25 * 64 * 64 * 3);
    }

    [Theory]
    [InlineData("out.mp4")]
    [InlineData("out.mkv")]
    public void Write_FilmMadeSlowly_ReachesTheDiskWithinASecondOrTwo(string name)
    {
        using var source = MediaSources.Open(new VideoSourceOptions { Input = Picture });
        using var sink = MediaSinks.Open(
            new FileSinkOptions { Output = _folder.File(name), Preset = "ultrafast", VideoCodec = "mpeg4" }, source.Video, null);
        // Less film than a fragment holds.
        WriteUntil(source, sink, written => written == 8);
        Thread.Sleep(1000);
        WriteUntil(source, sink, written => written == 2);

        Assert.True(Probe.Decoded(_folder.File(name)).Length >= 8 * 64 * 64 * 3);
    }

    [Theory]
    [InlineData("out.mp4")]
    [InlineData("out.mov")]
    [InlineData("out.m4v")]
    public void Complete_IsAnOrdinaryFileWithItsIndexInFront(string name)
    {
        var input = Clip.WithSound(_folder.File("in.mp4"));

        Assert.Empty(Conversion.Run(input, _folder.File(name)));

        var boxes = Boxes(_folder.File(name));
        Assert.DoesNotContain("moof", boxes);
        Assert.True(boxes.IndexOf("moov") < boxes.IndexOf("mdat"), string.Join(' ', boxes));
        Assert.Equal(2, Directory.GetFiles(_folder.Root).Length);
    }

    [Theory]
    [InlineData(
        "in.mp4",
        "-f lavfi -i testsrc2=size=64x64:rate=25 -itsoffset 1.7 -f lavfi -i sine -t 3 -c:v libx264 -preset veryfast -pix_fmt yuv420p -c:a "
            + "aac")]
    public void FastStart_KeepsEveryTime(string name, string arguments) => FastStart_OfAnyKind_KeepsEveryTime(name, arguments);

    [Theory]
    [Trait("Category", "Slow")]
    [InlineData(
        "in.mp4", "-f lavfi -i testsrc2=size=64x64:rate=25 -f lavfi -i sine -t 3 -c:v libx264 -preset veryfast -pix_fmt yuv420p -c:a aac")]
    [InlineData(
        "in.mp4",
        "-itsoffset 0.5 -f lavfi -i testsrc2=size=64x64:rate=25 -f lavfi -i sine -t 3 -c:v libx264 -preset veryfast -pix_fmt yuv420p -c:a "
            + "aac")]
    [InlineData(
        "in.mp4",
        "-f lavfi -i testsrc2=size=64x64:rate=25 -frames:v 60 -vf setpts='(N+floor(N/3)*2)/25/TB' -fps_mode vfr -c:v libx264 -preset "
            + "veryfast -pix_fmt yuv420p")]
    [InlineData(
        "in.mp4",
        "-f lavfi -i testsrc2=size=64x64:rate=25 -f lavfi -i sine -t 2 -c:v libx265 -x265-params log-level=error -preset ultrafast "
            + "-pix_fmt yuv420p -c:a ac3")]
    [InlineData("in.mov", "-f lavfi -i testsrc2=size=64x64:rate=25 -f lavfi -i sine -t 2 -c:v mjpeg -pix_fmt yuvj420p -c:a pcm_s16le")]
    public void FastStart_OfAnyKind_KeepsEveryTime(string name, string arguments)
    {
        var ordinary = Clip.Make(_folder.File(name), arguments);
        var fragments = Clip.Make(_folder.File("fragments" + Path.GetExtension(name)), $"-i {ordinary} {Fragmented}");
        var copy = _folder.File("copy" + Path.GetExtension(name));
        FFmpegLibrary.Initialize();

        FastStart.Write(fragments, copy, name == "in.mov" ? "mov" : "mp4", TimesOf(ordinary));

        Assert.Equal(Packets(ordinary), Packets(copy));
        // FFmpeg 7 writes edit lists that hide the last picture where those before it come unevenly; a fragmented file has none.
        var times = Probe.PictureTimes(ordinary);
        Assert.Equal(times, Probe.PictureTimes(copy).Take(times.Length));
    }

    [Theory]
    [InlineData("aac", "1.7")]
    public void Complete_CopiedSound_KeepsEveryTime(string codec, string offset) =>
        Complete_CopiedSoundOfAnyKind_KeepsEveryTime(codec, offset);

    [Theory]
    [Trait("Category", "Slow")]
    [InlineData("aac", "0")]
    [InlineData("ac3", "0")]
    [InlineData("mp3", "0")]
    public void Complete_CopiedSoundOfAnyKind_KeepsEveryTime(string codec, string offset)
    {
        var input = Clip.Make(
            _folder.File("in.mp4"),
            $"-f lavfi -i testsrc2=size=64x64:rate=25 -itsoffset {offset} -f lavfi -i sine -t 4 -c:v libx264 -pix_fmt yuv420p -c:a "
                + $"{codec}");

        Conversion.Run(input, _folder.File("out.mp4"));

        Assert.Equal(Packets(input, "a"), Packets(_folder.File("out.mp4"), "a"));
        Assert.Equal(Probe.PictureTimes(input), Probe.PictureTimes(_folder.File("out.mp4")));
    }

    // Slowly, all pictures still wait for the sound when something is to be on the disk.
    [Theory]
    [InlineData(10)]
    [InlineData(60)]
    public void Write_SoundThatBeginsLate_DoesNotKeepThePicturesFromTheDisk(int pause)
    {
        var input = Clip.Make(
            _folder.File("in.mp4"),
            "-f lavfi -i testsrc2=size=64x64:rate=25 -itsoffset 20 -f lavfi -i sine -t 22 -c:v libx264 -preset ultrafast -pix_fmt yuv420p "
                + "-c:a aac");
        using var source = MediaSources.Open(new VideoSourceOptions { Input = input });
        using (var sink = MediaSinks.Open(
            new FileSinkOptions { Output = _folder.File("out.mp4"), Preset = "ultrafast" }, source.Video, source.Audio))
        {
            WriteUntil(source, sink, written =>
            {
                Thread.Sleep(pause);
                return File.Exists(_folder.File("out.mp4"));
            });
            Assert.NotEmpty(Probe.PictureTimes(_folder.File("out.mp4")));
            while (source.Read(CancellationToken.None) is { } unit)
            {
                using (unit)
                {
                    Conversion.Write(sink, unit);
                }
            }

            sink.Complete();
        }

        Assert.Equal(Packets(input, "a"), Packets(_folder.File("out.mp4"), "a"));
    }

    [Fact]
    public void Complete_SoundOfATransportStream_IsCopied()
    {
        var plain = Clip.WithSound(_folder.File("plain.mp4"));
        var input = Clip.Make(_folder.File("in.ts"), $"-i {plain} -c copy");

        Conversion.Run(input, _folder.File("out.mp4"));

        Assert.Equal("aac", Probe.Stream(_folder.File("out.mp4"), "a", "codec_name"));
        Assert.Equal(50, Probe.PictureTimes(_folder.File("out.mp4")).Length);
    }

    [Theory]
    [InlineData("out.mp4")]
    [InlineData("out.mkv")]
    [InlineData("out.avi")]
    public void Dispose_NothingWritten_LeavesTheOldFileAsItWas(string name)
    {
        File.WriteAllText(_folder.File(name), "precious");
        using var source = MediaSources.Open(new VideoSourceOptions { Input = Picture });
        var sink = MediaSinks.Open(new FileSinkOptions { Output = _folder.File(name) }, source.Video, null);
        // The first pictures lie in the encoder.
        Assert.Equal("precious", File.ReadAllText(_folder.File(name)));
        sink.Dispose();

        Assert.Equal("precious", File.ReadAllText(_folder.File(name)));
        Assert.Single(Directory.GetFiles(_folder.Root));
    }

    [Fact]
    public void Dispose_NothingWritten_LeavesNoFile()
    {
        using var source = MediaSources.Open(new VideoSourceOptions { Input = Picture });
        MediaSinks.Open(new FileSinkOptions { Output = _folder.File("out.mp4") }, source.Video, null).Dispose();

        Assert.Empty(Directory.GetFiles(_folder.Root));
    }

    [Fact]
    public void Complete_OverAnotherFile_KeepsItsPermissionsAndTheLinkThatLeadsToIt()
    {
        var target = _folder.File("target.mp4");
        File.WriteAllText(target, "old");
        CommandLine.Run("chmod", "640", target);
        File.CreateSymbolicLink(_folder.File("link.mp4"), "target.mp4");

        Conversion.Run(Picture.Replace("duration=0", "duration=1", StringComparison.Ordinal), _folder.File("link.mp4"));

        Assert.Equal("target.mp4", new FileInfo(_folder.File("link.mp4")).LinkTarget);
        Assert.Equal("640", CommandLine.Run("stat", "-c", "%a", target).Trim());
        Assert.Equal(25, Probe.PictureTimes(target).Length);
        Assert.Equal(2, Directory.GetFiles(_folder.Root).Length);
    }

    // What an earlier run has left behind may be just what is restyled now.
    [Fact]
    public void Write_NameOfTheDraftIsTaken_LeavesWhatHasItAlone()
    {
        File.WriteAllText(_folder.File("out.mp4.partial"), "precious");
        File.CreateSymbolicLink(_folder.File("out.mp4.2.partial"), "nowhere");

        Conversion.Run(Picture.Replace("duration=0", "duration=1", StringComparison.Ordinal), _folder.File("out.mp4"));

        Assert.Equal(25, Probe.PictureTimes(_folder.File("out.mp4")).Length);
        Assert.Equal("precious", File.ReadAllText(_folder.File("out.mp4.partial")));
        Assert.Equal(["out.mp4", "out.mp4.2.partial", "out.mp4.partial"],
            Directory.GetFileSystemEntries(_folder.Root).Select(f => Path.GetFileName(f)!).Order(StringComparer.Ordinal));
    }

    // "..": after a link it is the folder above what the link leads to.
    [Fact]
    public void Complete_ThroughTheFolderAboveALink_IsWhereTheSystemFindsIt()
    {
        Directory.CreateDirectory(_folder.File("other/deep"));
        File.CreateSymbolicLink(_folder.File("link"), "other/deep");
        File.WriteAllText(_folder.File("out.mkv"), "precious");

        Conversion.Run(Picture.Replace("duration=0", "duration=1", StringComparison.Ordinal), _folder.File("link/../out.mkv"));

        Assert.Equal(25, Probe.PictureTimes(_folder.File("other/out.mkv")).Length);
        Assert.Equal("precious", File.ReadAllText(_folder.File("out.mkv")));
    }

    // A folder below /dev that keeps files as any other.
    [Fact]
    public void Dispose_NothingWrittenToMemory_LeavesTheOldFileAsItWas()
    {
        var path = $"/dev/shm/streamdiff-{Guid.NewGuid():N}.mp4";
        File.WriteAllText(path, "precious");
        try
        {
            using var source = MediaSources.Open(new VideoSourceOptions { Input = Picture });
            MediaSinks.Open(new FileSinkOptions { Output = path }, source.Video, null).Dispose();
            Assert.Equal("precious", File.ReadAllText(path));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public async Task Complete_Pipe_IsWrittenAsItComes()
    {
        CommandLine.Run("mkfifo", _folder.File("pipe.mp4"));
        var reading = Task.Run(() => CommandLine.Run("cp", "--copy-contents", _folder.File("pipe.mp4"), _folder.File("got.mp4")));

        Conversion.Run(Picture.Replace("duration=0", "duration=1", StringComparison.Ordinal), _folder.File("pipe.mp4"));
        await reading;

        Assert.Equal(25, Probe.PictureTimes(_folder.File("got.mp4")).Length);
    }

    private static void WriteUntil(IFrameSource source, IFrameSink sink, Func<int, bool> isEnough)
    {
        for (var written = 0; !isEnough(written);)
        {
            Assert.InRange(written, 0, 10_000);
            using var unit = source.Read(CancellationToken.None);
            Conversion.Write(sink, unit!);
            written += unit is VideoFrame ? 1 : 0;
        }
    }

    private static List<string> Boxes(string file)
    {
        var bytes = File.ReadAllBytes(file);
        var names = new List<string>();
        for (var at = 0; at < bytes.Length; at += System.Buffers.Binary.BinaryPrimitives.ReadInt32BigEndian(bytes.AsSpan(at)))
        {
            names.Add(System.Text.Encoding.ASCII.GetString(bytes, at + 4, 4));
        }

        return names;
    }

    private static string[] Packets(string file, string stream = "") => CommandLine.Run(
        "ffprobe", ["-v", "error", .. stream.Length > 0
            ? ["-select_streams", stream]
            : (string[])[], "-show_entries", "packet=stream_index,pts_time,dts_time,duration_time,size", "-of", "csv=p=0", file])
        .Split('\n', StringSplitOptions.RemoveEmptyEntries)
        .Select(line => stream.Length > 0 ? line[(line.IndexOf(',', StringComparison.Ordinal) + 1)..] : line)
        .Select(line => line.TrimEnd(',')).Order(StringComparer.Ordinal).ToArray();

    // What the sink that wrote the file would have seen.
    private static unsafe List<StreamTimes> TimesOf(string file)
    {
        var times = new List<StreamTimes>();
        var lines = CommandLine.Run("ffprobe", "-v", "error", "-show_entries", "packet=stream_index,dts,duration", "-of", "csv=p=0", file)
            .Split('\n', StringSplitOptions.RemoveEmptyEntries);
        foreach (var fields in lines.Select(line => line.Split(',')))
        {
            while (times.Count <= int.Parse(fields[0], System.Globalization.CultureInfo.InvariantCulture))
            {
                times.Add(new StreamTimes());
            }

            var packet = new global::FFmpeg.AutoGen.AVPacket
            {
                dts = long.Parse(fields[1], System.Globalization.CultureInfo.InvariantCulture),
                duration = long.Parse(fields[2], System.Globalization.CultureInfo.InvariantCulture),
            };
            times[int.Parse(fields[0], System.Globalization.CultureInfo.InvariantCulture)].Note(&packet);
        }

        return times;
    }
}
