namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>How files are written: playable at every moment, whatever ends the program.</summary>
internal static class Recording
{
    /// <summary>
    /// Microseconds of film that a fragment holds at most; <see cref="OutputFile"/> closes it earlier where film is made more slowly than
    /// it plays.
    /// </summary>
    public const int FragmentMicroseconds = 500_000;

    // Smooth streaming's container is fragmented by nature and stays so.
    private const string AlwaysFragmented = "ismv";

    /// <summary>The output for a file; its extension names the container.</summary>
    /// <param name="path">As the user wrote it.</param>
    /// <param name="beside">True where a file of that name may exist and is to be replaced.</param>
    /// <exception cref="MediaException">The extension is unknown, or means something that holds no video.</exception>
    public static unsafe OutputTarget For(string path, bool beside)
    {
        var format = ContainerSupport.ForFile(path);
        var name = ContainerSupport.NameOf(format);
        var options = new Dictionary<string, string>();
        if (IsFragmented(name))
        {
            // The header waits for the first packets (delay_moov): only then edit lists can say where each stream begins.
            options["movflags"] = "+empty_moov+delay_moov+default_base_moof";
            options["frag_duration"] = FormattableString.Invariant($"{FragmentMicroseconds}");
        }

        var file = new WrittenFile(path, beside);
        return new OutputTarget(path, "file:" + file.OpenPath, name, options, File: file);
    }

    /// <summary>True for containers whose index comes last, which are written in fragments and made whole at the end.</summary>
    public static bool IsFragmented(string format) => ContainerSupport.IsQuickTime(format) && format != AlwaysFragmented;
}
