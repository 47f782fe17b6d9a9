using StreamDiff.Pipeline.Plan;

namespace StreamDiff.Pipeline.Tests;

/// <summary>Options as a user writes them.</summary>
internal static class TestOptions
{
    /// <summary>One thread of the processor in float32: what a test can load at little cost.</summary>
    public static ComputeOptions OneThread { get; } = new() { Device = DeviceName.Cpu, Type = ComputeType.Float32, Threads = 1 };

    /// <summary>The same with other values, each a name, a space and the value: "steps 3".</summary>
    public static RestyleOptions With(this RestyleOptions options, params IEnumerable<string?> settings)
    {
        var given = new GivenOptions(OptionUse.Run);
        foreach (var setting in settings.OfType<string>().Select(s => s.Split(' ', 2)))
            given.Give(setting[0], [setting[1]]);
        Assert.Empty(given.Problems);
        return given.Read(options);
    }

    /// <summary>The one output.</summary>
    public static string File(this RestyleOptions options) => Assert.Single(options.Output.Addresses).Text;
}
