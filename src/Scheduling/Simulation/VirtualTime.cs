namespace StreamDiff.Scheduling.Simulation;

/// <summary>What is to happen when, in seconds of virtual time; of the same moment, in the order in which it was said.</summary>
internal sealed class VirtualTime
{
    private readonly PriorityQueue<Action<double>, (double At, long Order)> _events = new();
    // Whoever decides something is asked when all of a moment has happened, and once.
    private readonly List<VirtualDevice> _touched = [];
    private long _order;

    /// <summary>Events that have happened.</summary>
    public long Happened { get; private set; }

    /// <summary>Says what happens then; it is given its own time.</summary>
    public void At(double second, Action<double> what) => _events.Enqueue(what, (second, _order++));

    /// <summary>Lets a device decide when everything of this moment has happened.</summary>
    public void Touch(VirtualDevice device)
    {
        if (device.IsTouched)
            return;
        device.IsTouched = true;
        _touched.Add(device);
    }

    /// <summary>Runs until nothing is left to happen.</summary>
    public void Run()
    {
        while (_events.TryDequeue(out var what, out var place))
        {
            Happened++;
            what(place.At);
            if (_events.TryPeek(out _, out var next) && next.At <= place.At)
                continue;
            foreach (var device in _touched)
            {
                device.IsTouched = false;
                device.Decide(place.At);
            }
            _touched.Clear();
        }
    }
}
