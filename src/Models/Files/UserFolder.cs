namespace StreamDiff.Models.Files;

/// <summary>The user's own folders of this program.</summary>
public static class UserFolder
{
    // Holds nothing, and nothing can be put there.
    private const string NoFolder = "/dev/null/no-home-folder";

    /// <summary>A folder for data that stays: <c>$XDG_DATA_HOME/streamdiff/NAME</c>, by default <c>~/.local/share/streamdiff/NAME</c>
    /// (XDG Base Directory Specification). It need not exist; without a home folder it cannot.</summary>
    public static string Data(params ReadOnlySpan<string> names)
    {
        var data = Environment.GetEnvironmentVariable("XDG_DATA_HOME");
        if (string.IsNullOrEmpty(data) || !Path.IsPathRooted(data))
        {
            var home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile, Environment.SpecialFolderOption.DoNotVerify);
            // Without a home folder there is none: never one of the working directory, where anybody may have put something.
            data = Path.IsPathRooted(home) ? Path.Combine(home, ".local", "share") : NoFolder;
        }
        return Path.Combine([data, "streamdiff", .. names]);
    }
}
