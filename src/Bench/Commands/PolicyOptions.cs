using System.CommandLine;
using StreamDiff.Bench.Load;
using StreamDiff.Bench.Policies;
using StreamDiff.CommandLine;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Scheduling.Batching;

namespace StreamDiff.Bench.Commands;

/// <summary>Options of benchmarks that run policies in real time.</summary>
internal sealed class PolicyOptions
{
    private readonly ModelOptions _model = new("size", "steps");
    private readonly Option<string> _policies = new("--policies")
    {
        HelpName = "LIST",
        Description = "Of deadline, stream-batch, sequential, published. Default: all.",
        DefaultValueFactory = _ => "deadline,stream-batch,sequential,published",
    };
    private readonly Option<string> _loads = new("--loads")
    {
        HelpName = "LIST",
        Description = "How frames arrive: steady, bursty, ramp, stalls, cpu. Default: all.",
        DefaultValueFactory = _ => "steady,bursty,ramp,stalls,cpu",
    };
    private readonly Option<int> _sessions = new("--sessions")
    {
        HelpName = "N",
        Description = "Sessions at the same time, each with a load of its own. Default: 1.",
        DefaultValueFactory = _ => 1,
    };
    private readonly Option<double> _rate = new("--rate")
    {
        HelpName = "FPS",
        Description = "Frames a second of each session. Default: 8.",
        DefaultValueFactory = _ => 8,
    };
    private readonly Option<double> _seconds = new("--seconds")
    {
        HelpName = "N",
        Description = "How long frames arrive in each run. Default: 10.",
        DefaultValueFactory = _ => 10,
    };
    private readonly Option<double> _warmUp = new("--warm-up")
    {
        HelpName = "N",
        Description = "Seconds at the beginning that are left out. Default: 2.",
        DefaultValueFactory = _ => 2,
    };
    private readonly Option<double> _deadline = new("--deadline")
    {
        HelpName = "MS",
        Description = "Milliseconds from capture to hand-over. Default: 500.",
        DefaultValueFactory = _ => 500,
    };
    private readonly Option<int> _repeats = new("--repeats")
    {
        HelpName = "N",
        Description = "Paired runs, each with arrivals of its own; figures are medians. Default: 3.",
        DefaultValueFactory = _ => 3,
    };
    private readonly Option<int> _seed = new("--seed")
    {
        HelpName = "N",
        Description = "Seed of the first run's arrivals. Default: 1.",
        DefaultValueFactory = _ => 1,
    };

    public void AddTo(Command command)
    {
        _model.AddTo(command);
        foreach (var option in (Option[])[_policies, _loads, _sessions, _rate, _seconds, _warmUp, _deadline, _repeats, _seed])
            command.Add(option);
    }

    /// <summary>What was asked for; adds what is wrong.</summary>
    public PolicyBenchmarkOptions Read(ParseResult parse, List<string> problems)
    {
        var options = _model.Read(parse, problems);
        var policies = ListText.Read("policies", parse.GetValue(_policies)!,
            text => OptionText.Choice(text, [.. BatchPolicies.All.Select(p => (p.Name, p))]), problems);
        var loads = ListText.Read("loads", parse.GetValue(_loads)!, ListText.Word<LoadKind>, problems);
        var (seconds, warmUp, deadline) = (parse.GetValue(_seconds), parse.GetValue(_warmUp), parse.GetValue(_deadline));
        if (!(warmUp >= 0 && seconds > warmUp && seconds <= 86400))
            problems.Add("seconds must be more than warm-up, which must not be negative, and at most a day");
        if (parse.GetValue(_sessions) is not (>= 1 and <= 64) || parse.GetValue(_rate) is not (> 0 and <= 1000)
            || parse.GetValue(_repeats) < 1 || deadline is not (> 0 and <= 86_400_000))
            problems.Add("sessions must be from 1 to 64, repeats at least 1, rate and deadline above 0 and the deadline at most a day");
        // Only what was checked can be made a time.
        if (problems.Count > 0)
            (seconds, warmUp, deadline) = (0, 0, 0);
        return new PolicyBenchmarkOptions
        {
            Run = options,
            Steps = options.Sampling.Steps,
            Sessions = parse.GetValue(_sessions),
            Rate = parse.GetValue(_rate),
            Loads = loads,
            Policies = policies,
            Duration = TimeSpan.FromSeconds(seconds),
            WarmUp = TimeSpan.FromSeconds(warmUp),
            Deadline = TimeSpan.FromMilliseconds(deadline),
            Repeats = parse.GetValue(_repeats),
            Seed = parse.GetValue(_seed),
        };
    }
}
